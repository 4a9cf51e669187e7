const mysqlToStrftime: Readonly<Record<string, string>> = {
  Y: '%Y',
  y: '%y',
  m: '%m',
  c: '%-m',
  d: '%d',
  e: '%-d',
  H: '%H',
  k: '%-H',
  h: '%I',
  I: '%I',
  l: '%-I',
  i: '%M',
  s: '%S',
  S: '%S',
  f: '%f',
  p: '%p',
  W: '%A',
  a: '%a',
  M: '%B',
  b: '%b',
  j: '%j',
  T: '%H:%M:%S',
  r: '%I:%M:%S %p',
  w: '%w',
  v: '%V',
  x: '%G',
  '%': '%%',
};

/**
 * Formats of dates in each dialect's words, turned into strftime's, which the engine reads.
 *
 * `unknown` names the first part that has no equal.
 */
export function fromMysqlFormat(format: string): { readonly format: string } | { readonly unknown: string } {
  let result = '';
  for (let at = 0; at < format.length; at += 1) {
    if (format[at] !== '%') {
      result += format[at];
      continue;
    }
    at += 1;
    const code = format[at] ?? '';
    const known = Object.hasOwn(mysqlToStrftime, code) ? mysqlToStrftime[code] : undefined;
    if (known === undefined) return { unknown: `%${code}` };
    result += known;
  }
  return { format: result };
}

/** A part of a format of MySQL: in strftime's words, or one that strftime has no word for. */
export type FormatPiece =
  | { readonly kind: 'strftime'; readonly format: string }
  | { readonly kind: 'week' | 'week_year'; readonly mode: number }
  | { readonly kind: 'ordinal' };

const mysqlPieces: Readonly<Record<string, FormatPiece>> = {
  U: { kind: 'week', mode: 0 },
  u: { kind: 'week', mode: 1 },
  V: { kind: 'week', mode: 2 },
  X: { kind: 'week_year', mode: 2 },
  D: { kind: 'ordinal' },
};

/** A format of DATE_FORMAT; a letter that means nothing stands for itself. */
export function piecesOfMysqlFormat(format: string): readonly FormatPiece[] {
  const pieces: FormatPiece[] = [];
  let plain = '';
  for (const [part, code = ''] of format.matchAll(/%(.)|%$|[^%]+/gsu)) {
    const piece = Object.hasOwn(mysqlPieces, code) ? mysqlPieces[code] : undefined;
    if (piece) {
      if (plain !== '') pieces.push({ kind: 'strftime', format: plain });
      pieces.push(piece);
      plain = '';
    } else if (Object.hasOwn(mysqlToStrftime, code)) plain += mysqlToStrftime[code];
    else plain += escapePercent(code === '' ? part : code);
  }
  if (plain !== '') pieces.push({ kind: 'strftime', format: plain });
  return pieces;
}

/** Longest first: `MONTH` before `MON` before `MM`. */
const postgresqlParts: readonly (readonly [string, string])[] = [
  ['YYYY', '%Y'],
  ['IYYY', '%G'],
  ['YY', '%y'],
  ['FMMonth', '%B'],
  ['FMMM', '%-m'],
  ['FMDD', '%-d'],
  ['FMHH24', '%-H'],
  ['FMHH12', '%-I'],
  ['FMDay', '%A'],
  ['Mon', '%b'],
  ['MM', '%m'],
  ['DDD', '%j'],
  ['DD', '%d'],
  ['Dy', '%a'],
  ['HH24', '%H'],
  ['HH12', '%I'],
  ['HH', '%I'],
  ['MI', '%M'],
  ['SS', '%S'],
  ['US', '%f'],
  ['MS', '%g'],
  ['IW', '%V'],
  ['AM', '%p'],
  ['PM', '%p'],
  ['ID', '%u'],
];

/** `Month` and `Day` pad with spaces in PostgreSQL, which strftime cannot; with FM they do not. */
export function fromPostgresqlFormat(format: string): { readonly format: string } | { readonly unknown: string } {
  let result = '';
  let at = 0;
  while (at < format.length) {
    if (format[at] === '"') {
      const end = format.indexOf('"', at + 1);
      if (end < 0) return { unknown: '"' };
      result += escapePercent(format.slice(at + 1, end));
      at = end + 1;
      continue;
    }
    const part = postgresqlParts.find(([name]) => format.startsWith(name, at));
    if (part) {
      result += part[1];
      at += part[0].length;
    } else if (/[A-Za-z]/.test(format[at] ?? '')) {
      const word = /^[A-Za-z0-9]+/.exec(format.slice(at))?.[0] ?? '';
      if (word !== 'T' && word !== 'Z') return { unknown: word };
      result += word;
      at += 1;
    } else {
      result += escapePercent(format[at] ?? '');
      at += 1;
    }
  }
  return { format: result };
}

function escapePercent(text: string): string {
  return text.replaceAll('%', '%%');
}
