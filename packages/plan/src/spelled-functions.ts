import { planErrors } from './plan-errors.ts';
import type { PlanFunction, ReturnType } from './plan-function.ts';

/**
 * Functions that the engine does not have and that dialects do, spelled in functions that it has. Only translators call
 * them; no dialect knows their names. `#0` stands for the first argument, printed once however often it is used:
 *
 *     week_of_year(day, …)     list_extract(list_transform([CAST(day AS DATE)], lambda _j0: … _j0 … _j0 …), 1)
 *
 * Each name of a lambda is the printer's own kind of name. Arguments stand outside of every lambda, where a call in one
 * cannot meet them; those that do not are constants.
 */
function spelled(name: string, count: number, returns: ReturnType, spelling: string): PlanFunction {
  return {
    name,
    kind: 'scalar',
    argumentsMin: count,
    argumentsMax: count,
    returns,
    duckdb: spelling.replaceAll(/\n\s*/g, ' '),
    aliases: {},
    isSpelled: true,
  };
}

/** `body` over a value that is computed once and called `_j0`, or the name given. */
function bind(value: string, body: string, name = '_j0'): string {
  return `list_extract(list_transform([${value}], lambda ${name}: ${body}), 1)`;
}

/** Where a value stands between two bounds, of which either may be the lower one; `within` counts from 0. */
function bucketOf(within: string, isNone = 'FALSE'): string {
  const names = ['VALUE', 'LOW', 'HIGH', 'COUNT'];
  const spelling = `CASE WHEN VALUE IS NULL OR LOW IS NULL OR HIGH IS NULL OR COUNT IS NULL THEN NULL
    WHEN COUNT <= 0 OR LOW = HIGH OR ${isNone} THEN error('${planErrors.outOfRange}')
    WHEN (LOW < HIGH AND VALUE < LOW) OR (LOW > HIGH AND VALUE > LOW) THEN 0
    WHEN (LOW < HIGH AND VALUE >= HIGH) OR (LOW > HIGH AND VALUE <= HIGH) THEN CAST(COUNT AS BIGINT) + 1
    ELSE ${within} + 1 END`;
  return spelling.replaceAll(/\b(VALUE|LOW|HIGH|COUNT)\b/g, (name) => `list_extract(_j0, ${names.indexOf(name) + 1})`);
}

/** Digits of number `place` with `scale` of them behind the point, which end at the end of a group of four. */
function groupDigits(place: number, scale: string): string {
  return `CAST(abs(list_extract(_j0, ${place})) AS VARCHAR) || repeat('0', (4 - ${scale} % 4) % 4)`;
}

/** The place of the first group of four digits, counted from the point. */
function weight(place: number, scale: string): string {
  return `((length(list_extract(_j1, ${place})) + 3) // 4 - 1 - (${scale} + 3) // 4)`;
}

function firstGroup(place: number): string {
  const digits = `list_extract(_j1, ${place})`;
  return `CAST(left(${digits}, (length(${digits}) + 3) % 4 + 1) AS INTEGER)`;
}

function powerOfTen(exponent: string): string {
  return `CAST('1' || repeat('0', ${exponent}) AS HUGEINT)`;
}

/** 838:59:59. */
const spanMicrosMax = 3_020_399_000_000;

/** Null stays null, which `least` would leave out. */
function span(micros: string): string {
  return bind(
    micros,
    `CASE WHEN _j2 IS NOT NULL THEN to_microseconds(CAST(greatest(least(_j2, ${spanMicrosMax}), -${spanMicrosMax}) AS BIGINT)) END`,
    '_j2',
  );
}

/** 2^64. */
const wrapAround = 'CAST(18446744073709551616 AS HUGEINT)';
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const digits = `0123456789${letters}`;

/** Weeks begin on Monday or Sunday (#1 is 1 or 0); one belongs to the year of its day #2, counted from 0. */
const pivot = "_j0 - CAST((date_part('dow', _j0) + 7 - #1) % 7 AS INTEGER) + #2";
const weekOfPivot = "((date_part('doy', _j1) - 1) // 7 + 1)";

/** Bytes in hexadecimal digits that are UTF-8 without a NUL: shortest forms, no surrogates, nothing beyond U+10FFFF. */
const utf8Digits =
  '(0[1-9A-F]|[1-7].|(C[2-9A-F]|D.)[89AB].|E0[AB].[89AB].|E[1-9ABCEF]([89AB].){2}|ED[89].[89AB].|F0[9AB].([89AB].){2}|F[1-3]([89AB].){3}|F48.([89AB].){2})*';

/** Knuth's code of each letter; others have none. */
const soundexCodes = '01230120022455012623010202';

function collapsed(value: string): string {
  return [1, 2, 3, 4, 5, 6].reduce((text, code) => `regexp_replace(${text}, '${code}+', '${code}', 'g')`, value);
}

export const spelledFunctions: readonly PlanFunction[] = [
  // The bytes of the first character as one number.
  spelled('first_bytes', 1, 'bigint', "CAST('0x0' || hex(left(#0, 1)) AS BIGINT)"),
  spelled(
    'text_of_hex',
    1,
    'string',
    bind(
      '#0',
      bind(
        "CASE WHEN length(_j0) % 2 = 1 THEN '0' ELSE '' END || upper(_j0)",
        `CASE WHEN _j1 IS NULL OR NOT regexp_full_match(_j1, '[0-9A-F]*') THEN NULL
         WHEN regexp_full_match(_j1, '${utf8Digits}') THEN decode(unhex(_j1)) ELSE error('${planErrors.notText}') END`,
        '_j1',
      ),
    ),
  ),
  spelled(
    'quoted_text',
    1,
    'string',
    bind(
      '#0',
      `CASE WHEN _j0 IS NULL THEN 'NULL' ELSE
       '''' || replace(replace(replace(_j0, '\\', '\\\\'), '''', '\\'''), chr(26), '\\Z') || '''' END`,
    ),
  ),
  spelled(
    'base64_of_text',
    1,
    'string',
    "rtrim(regexp_replace(base64(encode(#0)), '(.{76})', '\\1' || chr(10), 'g'), chr(10))",
  ),
  // `1234.50` as `1,234.50`.
  spelled(
    'grouped_digits',
    1,
    'string',
    bind(
      '#0',
      `CASE WHEN starts_with(_j0, '-') THEN '-' ELSE '' END
       || ltrim(reverse(regexp_replace(reverse(split_part(ltrim(_j0, '-'), '.', 1)), '(\\d{3})', '\\1,', 'g')), ',')
       || regexp_extract(_j0, '\\..*$')`,
    ),
  ),
  spelled(
    'soundex',
    1,
    'string',
    bind(
      "regexp_replace(#0, '[^a-zA-Z\\x{C0}-\\x{10FFFF}]', '', 'g')",
      bind(
        `regexp_replace(translate(upper(_j0), '${letters}', '${soundexCodes}'), '[^0-9]', '0', 'g')`,
        `CASE WHEN _j0 = '' THEN '' ELSE ${bind(
          `translate(left(_j0, 1), '${letters.toLowerCase()}', '${letters}')
           || CASE WHEN starts_with(_j1, '0') THEN ${collapsed("replace(_j1, '0', '')")}
           ELSE substring(${collapsed("replace(_j1, '0', '')")}, 2) END`,
          "CASE WHEN length(_j2) < 4 THEN rpad(_j2, 4, '0') ELSE _j2 END",
          '_j2',
        )} END`,
        '_j1',
      ),
    ),
  ),
  // #0 without a sign, in base #1.
  spelled(
    'digits_of_bits',
    2,
    'string',
    bind(
      '#0',
      `CASE WHEN _j0 < #1 THEN to_base(CAST(_j0 AS BIGINT), #1)
       ELSE to_base(CAST(_j0 // #1 AS BIGINT), #1) || to_base(CAST(_j0 % #1 AS BIGINT), #1) END`,
    ),
  ),
  // The 64 bits of the number that #0 is in base #1: capitals, with or without a minus; none are zero.
  spelled(
    'bits_of_digits',
    2,
    'unknown',
    bind(
      '#0',
      `CAST(CASE WHEN _j0 = '' THEN 0 ELSE ${bind(
        `list_reduce(list_transform(string_split(ltrim(_j0, '-'), ''), lambda _j1: CAST(strpos('${digits}', _j1) - 1 AS HUGEINT)),
         lambda _j1, _j2: least(_j1 * #1 + _j2, ${wrapAround}))`,
        `CASE WHEN _j3 = ${wrapAround} THEN _j3 - 1 WHEN starts_with(_j0, '-') THEN (${wrapAround} - _j3) % ${wrapAround} ELSE _j3 END`,
        '_j3',
      )} END AS UBIGINT)`,
    ),
  ),
  spelled(
    'week_of_year',
    3,
    'bigint',
    bind(
      'CAST(#0 AS DATE)',
      bind(
        pivot,
        `CASE WHEN date_part('year', _j1) < date_part('year', _j0) THEN 0
         WHEN date_part('year', _j1) > date_part('year', _j0) THEN 53 ELSE ${weekOfPivot} END`,
        '_j1',
      ),
    ),
  ),
  spelled(
    'year_and_week',
    3,
    'bigint',
    bind('CAST(#0 AS DATE)', bind(pivot, `date_part('year', _j1) * 100 + ${weekOfPivot}`, '_j1')),
  ),
  // Day #1 of year #0, whose years below 100 stand for 1970 to 2069.
  spelled(
    'day_of_year',
    2,
    'date',
    bind(
      '[CAST(#0 AS BIGINT), CAST(#1 AS BIGINT)]',
      bind(
        `CASE WHEN list_extract(_j0, 1) BETWEEN 0 AND 9999 AND list_extract(_j0, 2) BETWEEN 1 AND 3652424 THEN
         make_date(list_extract(_j0, 1) + CASE WHEN list_extract(_j0, 1) < 70 THEN 2000
         WHEN list_extract(_j0, 1) < 100 THEN 1900 ELSE 0 END, 1, 1) + CAST(list_extract(_j0, 2) - 1 AS INTEGER) END`,
        "CASE WHEN date_part('year', _j1) <= 9999 THEN _j1 END",
        '_j1',
      ),
    ),
  ),
  // #0 hours, #1 minutes and #2 seconds; the hours' sign counts for all of them.
  spelled(
    'span_of_parts',
    3,
    'interval',
    bind(
      '[CAST(#0 AS DECIMAL(25,6)), CAST(#1 AS DECIMAL(25,6)), CAST(#2 AS DECIMAL(25,6))]',
      `CASE WHEN list_extract(_j0, 2) BETWEEN 0 AND 59 AND list_extract(_j0, 3) >= 0 AND list_extract(_j0, 3) < 60 THEN
       ${span(`(list_extract(_j0, 1) * 3600 + CASE WHEN list_extract(_j0, 1) < 0 THEN -1 ELSE 1 END
       * (list_extract(_j0, 2) * 60 + list_extract(_j0, 3))) * 1000000`)} END`,
    ),
  ),
  // #0 microseconds, no longer than MySQL's longest time.
  spelled('span_of_micros', 1, 'interval', span('#0')),
  // `1st`, `22nd`, `13th`.
  spelled(
    'ordinal',
    1,
    'string',
    bind(
      '#0',
      `CAST(_j0 AS VARCHAR) || CASE WHEN _j0 // 10 = 1 THEN 'th' WHEN _j0 % 10 = 1 THEN 'st'
       WHEN _j0 % 10 = 2 THEN 'nd' WHEN _j0 % 10 = 3 THEN 'rd' ELSE 'th' END`,
    ),
  ),
  // Months since year 0 of a period like 202401 or 2401, and back.
  spelled(
    'months_of_period',
    1,
    'bigint',
    bind(
      '#0',
      `CASE WHEN _j0 = 0 THEN 0 ELSE
       (_j0 // 100 + CASE WHEN _j0 // 100 < 70 THEN 2000 WHEN _j0 // 100 < 100 THEN 1900 ELSE 0 END) * 12 + _j0 % 100 - 1 END`,
    ),
  ),
  spelled(
    'period_of_months',
    1,
    'bigint',
    bind(
      '#0',
      `CASE WHEN _j0 = 0 THEN 0 ELSE
       (_j0 // 12 + CASE WHEN _j0 // 12 < 70 THEN 2000 WHEN _j0 // 12 < 100 THEN 1900 ELSE 0 END) * 100 + _j0 % 12 + 1 END`,
    ),
  ),
  // Whether a list of JSON values holds the number that text #1 is: 1, 1.0 and 1e0 are one.
  spelled(
    'json_holds_number',
    2,
    'boolean',
    `len(list_filter(#0, lambda _j0: json_type(_j0) IN ('BIGINT', 'UBIGINT', 'DOUBLE')
     AND TRY_CAST(json_extract_string(_j0, '$') AS DOUBLE) = CAST(#1 AS DOUBLE)
     AND COALESCE(TRY_CAST(json_extract_string(_j0, '$') AS DECIMAL(38,10)) = TRY_CAST(#1 AS DECIMAL(38,10)), TRUE))) > 0`,
  ),
  // A whole number that is below #1, with or without a sign.
  spelled(
    'bounded_units',
    2,
    'unknown',
    bind('#0', `CASE WHEN _j0 >= #1 OR _j0 <= -#1 THEN error('${planErrors.outOfRange}') ELSE _j0 END`),
  ),
  // #0 / 10^#2 divided by #1 / 10^#3, in units of 10^-20, rounded in the digits that PostgreSQL chooses.
  spelled(
    'numeric_quotient',
    4,
    'unknown',
    bind(
      '[CAST(#0 AS HUGEINT), nullif(CAST(#1 AS HUGEINT), 0)]',
      bind(
        `[${groupDigits(1, '#2')}, ${groupDigits(2, '#3')}]`,
        bind(
          `least(20, greatest(16 - 4 * (${weight(1, '#2')} - ${weight(2, '#3')}
           - CASE WHEN ${firstGroup(1)} <= ${firstGroup(2)} THEN 1 ELSE 0 END), #2, #3, 0))`,
          bind(
            `CASE WHEN length(list_extract(_j1, 1)) + _j2 + #3 - #2 > 36 THEN error('${planErrors.outOfRange}') ELSE
             (abs(list_extract(_j0, 1)) * ${powerOfTen('_j2 + #3 - #2')} * 2 + abs(list_extract(_j0, 2)))
             // (abs(list_extract(_j0, 2)) * 2) * (CASE WHEN (list_extract(_j0, 1) < 0) = (list_extract(_j0, 2) < 0) THEN 1 ELSE -1 END) END`,
            `CASE WHEN length(CAST(abs(_j3) AS VARCHAR)) + 20 - _j2 > 38 THEN error('${planErrors.outOfRange}')
             ELSE _j3 * ${powerOfTen('20 - _j2')} END`,
            '_j3',
          ),
          '_j2',
        ),
        '_j1',
      ),
    ),
  ),
  // The number of the bucket of #0 among #3 of one width between #1 and #2; 0 before the first.
  spelled(
    'exact_bucket',
    4,
    'bigint',
    bind(
      '[CAST(#0 AS DECIMAL(38,10)), CAST(#1 AS DECIMAL(38,10)), CAST(#2 AS DECIMAL(38,10)), CAST(#3 AS DECIMAL(38,10))]',
      bucketOf(
        'CAST((VALUE - LOW) * 10000000000 AS HUGEINT) * CAST(COUNT AS HUGEINT) // CAST((HIGH - LOW) * 10000000000 AS HUGEINT)',
      ),
    ),
  ),
  spelled(
    'double_bucket',
    4,
    'bigint',
    bind(
      '[CAST(#0 AS DOUBLE), CAST(#1 AS DOUBLE), CAST(#2 AS DOUBLE), CAST(#3 AS DOUBLE)]',
      bucketOf(
        'CAST(floor(COUNT * (VALUE - LOW) / (HIGH - LOW)) AS BIGINT)',
        'isnan(VALUE) OR NOT isfinite(LOW) OR NOT isfinite(HIGH)',
      ),
    ),
  ),
  // Each word of letters and digits with a capital in front.
  spelled(
    'capitalized',
    1,
    'string',
    `array_to_string(list_transform(regexp_extract_all(#0, '[\\pL\\pN]+|[^\\pL\\pN]+'),
     lambda _j0: upper(left(_j0, 1)) || lower(substring(_j0, 2))), '')`,
  ),
];
