import type { PlanExpression } from '@hybridstore/contracts';
import {
  arithmetic,
  call,
  cast,
  choose,
  compare,
  integer,
  isNull,
  literal,
  logic,
  planErrors,
  text,
} from '@hybridstore/plan';
import { toNumber } from '../bind/arithmetic.ts';
import { toCondition } from '../bind/conditions.ts';
import { conditionsAsNumbers, mixTyped, requireExtreme } from '../bind/one-result.ts';
import { constantNumber, isFloating, isNumber, type Typed, textOf, typed, unify } from '../bind/types.ts';
import { kindOf } from '../syntax/syntax-tree.ts';
import { type CallSite, type Translators, textArgument } from './call-site.ts';

const string = (node: PlanExpression): Typed => typed(node, 'string');
const noText = literal('string', null);

/** PostgreSQL's concat writes conditions as `t` and `f`, where a cast writes them out. */
function joinedArgument(at: CallSite, index: number): PlanExpression {
  const value = at.argument(index);
  if (value.type !== 'boolean' || at.site.context.dialect !== 'postgresql') return textArgument(at, index);
  return choose(isNull(value.node), noText, choose(value.node, text('t'), text('f')));
}

const all = (at: CallSite): readonly PlanExpression[] => at.call.operands.map((_, index) => joinedArgument(at, index));

/** Null where one of these is, among those that may be. */
function nullIfAny(nodes: readonly PlanExpression[], result: PlanExpression, type = 'string'): PlanExpression {
  const unknown = nodes.filter((node) => node.kind !== 'literal' || node.value === null).map((node) => isNull(node));
  return unknown.length === 0 ? result : choose(logic('or', unknown), literal(type, null), result);
}

/** 0 where a number is less; null stays null, which `greatest` would leave out. */
function atLeastZero(size: PlanExpression): PlanExpression {
  if (size.kind === 'literal' && typeof size.value === 'number') return integer(Math.max(size.value, 0));
  return choose(compare('lt', size, integer(0)), integer(0), size);
}

/**
 * Functions on texts. The dialects part in what they do with null, with places below 1, and in what they count:
 *
 *     CONCAT('a', NULL)          MySQL: null, as a chain of `||`    else: 'a'
 *     LENGTH('ż')                MySQL: 2 bytes                     else: 1 character
 *     SUBSTRING('abc', 0, 2)     MySQL: ''                          PostgreSQL: 'a', since places before the text count too
 *     LOCATE('b', text)          MySQL: the part comes first        STRPOS(text, 'b'): the text does
 *
 * The parser has made one kind of node of LOCATE, INSTR, POSITION and STRPOS, which all come with the text first.
 *
 * Left out: flags of patterns other than c and i.
 */
export const textTranslators: Translators = {
  all: {
    length: (at) => typed(call('length', lengthSubject(at)), 'bigint'),
    char_length: (at) => typed(call('length', textArgument(at, 0)), 'bigint'),
    character_length: (at) => typed(call('length', textArgument(at, 0)), 'bigint'),
    concat: (at) => string(call('concat', ...all(at))),
    concat_ws: (at) => string(call('concat_ws', ...all(at))),
    trim,
    ltrim: trim,
    rtrim: trim,
    substring,
    substr: substring,
    strpos: position,
    if: conditional,
    iif: conditional,
    ifnull: (at) => ifNull(at),
    nvl: (at) => ifNull(at),
    mid: substring,
    lpad: (at) => padded('lpad', at),
    rpad: (at) => padded('rpad', at),
    space: (at) => string(call('repeat', text(' '), at.argument(0).node)),
    left: (at) => side('left', at),
    right: (at) => side('right', at),
  },
  mysql: {
    length: (at) => typed(call('strlen', textArgument(at, 0)), 'bigint'),
    // Null when any argument is; the other dialects leave nulls out.
    concat: (at) => string({ kind: 'concat', operands: all(at) }),
    locate: (at) => locate(at, 1, 0),
    instr: (at) => locate(at, 0, 1),
    substring_index: substringIndex,
    find_in_set: (at) => {
      const [part, list] = [textArgument(at, 0), textArgument(at, 1)];
      const place = call('list_position', call('string_split', list, text(',')), part);
      const found = choose(compare('eq', list, text('')), integer(0), call('coalesce', place, integer(0)));
      return typed(nullIfAny([part, list], found, 'bigint'), 'bigint');
    },
    ascii: (at) => typed(firstByte(textArgument(at, 0)), 'bigint'),
    field,
    elt: chooseByPlace,
    strcmp: (at) => {
      const [a, b] = [textArgument(at, 0), textArgument(at, 1)];
      const order = choose(compare('lt', a, b), integer(-1), choose(compare('eq', a, b), integer(0), integer(1)));
      return typed(choose(logic('or', [isNull(a), isNull(b)]), literal('bigint', null), order), 'bigint');
    },
    char: characters,
    uuid: () => string(cast(call('uuid'), 'string')),
    greatest: (at) => extreme('greatest', at),
    least: (at) => extreme('least', at),
    regexp_replace: regexReplace,
    regexp_substr: regexPart,
    regexp_like: regexLike,
    regexp_instr: regexPlace,
    insert: inserted,
    isnull: (at) => typed(isNull(at.argument(0).node), 'boolean'),
    format: groupedNumber,
  },
  postgresql: {
    btrim: trim,
    regexp_like: regexLike,
    strpos: position,
    split_part: splitPart,
    string_to_array: splitText,
    chr: (at) => {
      const code = constantNumber(at.argument(0));
      if (code !== undefined && code <= 0)
        throw at.refuse('chr takes a number above 0', { expected: 'a number above 0', actual: code });
      return string(call('chr', at.argument(0).node));
    },
  },
};

function lengthSubject(at: CallSite): PlanExpression {
  const value = at.argument(0);
  return value.type.endsWith('[]') || value.type === 'list' ? value.node : textOf(value);
}

/**
 * TRIM([BOTH | LEADING | TRAILING] [characters FROM] text). MySQL takes away a text again and again, everyone else any of
 * its characters, which is the same for one character; between commas only the others take them.
 */
function trim(at: CallSite): Typed {
  const name = at.call.name === 'btrim' ? 'trim' : at.call.name;
  if (at.site.context.dialect !== 'mysql' || at.count === 1)
    return string(call(name, ...at.call.operands.map((_, index) => textArgument(at, index))));
  if (at.site.fields.kind === 'function')
    throw at.refuse(`${name} is written ${name}(characters FROM text) in MySQL`, { expected: 1, actual: at.count });
  const { node } = at.argument(1);
  if (node.kind !== 'literal' || [...String(node.value)].length > 1)
    throw at.refuse(`${name} takes one constant character FROM a text`, { expected: 'one character' });
  return string(call(name, textArgument(at, 0), textArgument(at, 1)));
}

/**
 * Places count from 1. MySQL: 0 gives an empty text, negatives count from the end. PostgreSQL: places before the text
 * count too, so a start below 1 shortens the piece.
 */
function substring(at: CallSite): Typed {
  const subject = textArgument(at, 0);
  const start = at.argument(1);
  const { dialect } = at.site.context;
  if (start.type === 'literal' || start.type === 'string')
    throw at.refuse('SUBSTRING with a pattern is not supported; use regexp_extract', { expected: 'a number' });
  const length = at.count > 2 ? at.argument(2) : undefined;
  if (dialect === 'mysql') return string(substringOfMysql(subject, start, length));
  const piece = (from: PlanExpression, size: PlanExpression | undefined) =>
    call('substring', subject, from, ...(size ? [size] : []));
  const known = constantNumber(start);
  if (dialect === 'duckdb') return string(piece(start.node, length?.node));
  if (length && (constantNumber(length) ?? 0) < 0)
    throw at.refuse('SUBSTRING takes no negative length', {
      expected: 'a length from 0',
      actual: constantNumber(length),
    });
  if (known !== undefined && known > 0) return string(piece(start.node, length && requiredLength(length)));
  const from =
    known === undefined
      ? choose(compare('lt', start.node, integer(1)), integer(1), start.node)
      : integer(Math.max(known, 1));
  const knownLength = length && constantNumber(length);
  if (known !== undefined && knownLength !== undefined)
    return string(piece(from, integer(Math.max(known + knownLength - Math.max(known, 1), 0))));
  if (!length) return string(piece(from, undefined));
  const end = arithmetic('add', start.node, requiredLength(length));
  const size = atLeastZero(arithmetic('subtract', end, from));
  return string(nullIfAny([subject, start.node, length.node], piece(from, size)));
}

/** PostgreSQL fails on a negative length. */
function requiredLength(length: Typed): PlanExpression {
  if (constantNumber(length) !== undefined || length.type === 'null') return length.node;
  const failure = cast(call('error', text(planErrors.negativeLength)), 'bigint');
  return choose(compare('lt', length.node, integer(0)), failure, length.node);
}

/** Empty before the text, behind its end, and for lengths below 1; nulls before all of that. */
function substringOfMysql(subject: PlanExpression, start: Typed, length: Typed | undefined): PlanExpression {
  const [from, size] = [constantNumber(start), length && constantNumber(length)];
  const piece = call('substring', subject, start.node, ...(length ? [atLeastZero(length.node)] : []));
  const isSized = !length || (size !== undefined && size >= 0);
  if (from !== undefined && from > 0 && isSized)
    return call('substring', subject, start.node, ...(length ? [length.node] : []));
  const characters = call('length', subject);
  const outside: PlanExpression[] = [compare('eq', start.node, integer(0))];
  if (from === undefined || from < 0)
    outside.push(compare('gt', { kind: 'arithmetic', operator: 'negate', operands: [start.node] }, characters));
  const isEmpty = logic('or', outside);
  const result = from !== undefined && from > 0 ? piece : choose(isEmpty, text(''), piece);
  return nullIfAny([subject, start.node, ...(length ? [length.node] : [])], result);
}

function side(name: 'left' | 'right', at: CallSite): Typed {
  const size = at.argument(1);
  return string(
    call(name, textArgument(at, 0), at.site.context.dialect === 'mysql' ? atLeastZero(size.node) : size.node),
  );
}

/**
 * A length below 0 makes a null in MySQL and an empty text in PostgreSQL; nothing to fill with makes a null in MySQL, and in
 * PostgreSQL nothing is filled.
 */
function padded(name: 'lpad' | 'rpad', at: CallSite): Typed {
  const { dialect } = at.site.context;
  const [subject, size] = [textArgument(at, 0), at.argument(1).node];
  const filling = at.count > 2 ? textArgument(at, 2) : text(' ');
  const filled = call(name, subject, atLeastZero(size), filling);
  if (dialect === 'duckdb') return string(call(name, subject, size, filling));
  const cannotFill = filling.kind === 'literal' && filling.value !== '' ? [] : [compare('eq', filling, text(''))];
  const isNegative = size.kind === 'literal' && Number(size.value) >= 0 ? [] : [compare('lt', size, integer(0))];
  if (dialect === 'postgresql')
    return string(cannotFill[0] ? choose(cannotFill[0], call('left', subject, atLeastZero(size)), filled) : filled);
  const isShort = cannotFill.map((isEmpty) => logic('and', [isEmpty, compare('gt', size, call('length', subject))]));
  const isNothing = [...isNegative, ...isShort];
  return string(isNothing.length === 0 ? filled : choose(logic('or', isNothing), noText, filled));
}

/** The parser gives LOCATE, INSTR, POSITION and STRPOS all as (text, part[, from]). */
function position(at: CallSite): Typed {
  return locate(at, 0, 1);
}

function locate(at: CallSite, subjectIndex: number, partIndex: number): Typed {
  const subject = textArgument(at, subjectIndex);
  const part = textArgument(at, partIndex);
  if (at.count < 3) return typed(call('strpos', subject, part), 'bigint');
  const from = at.argument(2).node;
  const found = call('strpos', call('substring', subject, from), part);
  const place = arithmetic('subtract', arithmetic('add', found, from), integer(1));
  const isOutside = [
    compare('eq', found, integer(0)),
    compare('lt', from, integer(1)),
    compare('gt', from, arithmetic('add', call('length', subject), integer(1))),
  ];
  return typed(nullIfAny([subject, part, from], choose(logic('or', isOutside), integer(0), place), 'bigint'), 'bigint');
}

function conditional(at: CallSite): Typed {
  const node = at.node(0);
  if (!node || at.count !== 3) throw at.refuse('IF takes 3 arguments', { expected: 3, actual: at.count });
  const condition = toCondition(at.argument(0), node, at.site.context);
  const { values, type } = unify(mixTyped([at.argument(1), at.argument(2)], at.site.fields, at.site.context));
  const [yes, no] = values;
  return typed(choose(condition, yes?.node ?? literal('string', null), no?.node), type);
}

function ifNull(at: CallSite): Typed {
  const { values, type } = unify(mixTyped([at.argument(0), at.argument(1)], at.site.fields, at.site.context));
  return typed(call('coalesce', ...values.map((value) => value.node)), type);
}

/** Up to the nth separator; from the end when n is negative. An empty separator, or none of it, leaves nothing. */
function substringIndex(at: CallSite): Typed {
  const count = constantNumber(at.argument(2));
  if (count === undefined) throw at.refuse('SUBSTRING_INDEX takes a constant number', { expected: 'a constant' });
  const [subject, separator] = [textArgument(at, 0), textArgument(at, 1)];
  const parts = call('string_split', subject, separator);
  const slice =
    count >= 0
      ? call('list_slice', parts, integer(1), integer(count))
      : call('list_slice', parts, integer(count), integer(-1));
  const isSplit = separator.kind === 'literal' && separator.value !== '' && separator.value !== null;
  if (isSplit && count !== 0) return string(call('array_to_string', slice, separator));
  if (count === 0) return string(nullIfAny([subject, separator], text('')));
  const isEmpty = compare('eq', separator, text(''));
  return string(nullIfAny([subject, separator], choose(isEmpty, text(''), call('array_to_string', slice, separator))));
}

/** An empty separator divides nothing; place 0 does not exist. */
function splitPart(at: CallSite): Typed {
  const [subject, separator] = [textArgument(at, 0), textArgument(at, 1)];
  const place = at.argument(2);
  if (constantNumber(place) === 0)
    throw at.refuse('split_part takes a place other than 0', { expected: 'not 0', actual: 0 });
  const failure = cast(call('error', text(planErrors.outOfRange)), 'string');
  const orFailure = (value: PlanExpression) =>
    constantNumber(place) === undefined ? choose(compare('eq', place.node, integer(0)), failure, value) : value;
  const part = call('split_part', subject, separator, place.node);
  const isWhole = logic('or', [compare('eq', place.node, integer(1)), compare('eq', place.node, integer(-1))]);
  const isDivided = separator.kind === 'literal' && separator.value !== '';
  const whole = choose(isWhole, subject, text(''));
  const answer = isDivided ? part : choose(compare('eq', separator, text('')), whole, part);
  return string(nullIfAny([subject, separator, place.node], orFailure(answer)));
}

/** PostgreSQL: an empty text has no parts, an empty separator leaves it whole, and none makes parts of its characters. */
function splitText(at: CallSite): Typed {
  const [subject, separator] = [textArgument(at, 0), textArgument(at, 1)];
  const whole: PlanExpression = { kind: 'array', items: [subject] };
  const none = cast({ kind: 'array', items: [] }, 'string[]');
  return typed(
    choose(
      compare('eq', subject, text('')),
      none,
      choose(
        isNull(separator),
        call('string_split', subject, text('')),
        choose(
          logic('and', [compare('eq', separator, text('')), isNull(subject, true)]),
          whole,
          call('string_split', subject, separator),
        ),
      ),
    ),
    'string[]',
  );
}

/** The first byte of UTF-8, from the first character's code point. */
function firstByte(subject: PlanExpression): PlanExpression {
  const code = call('ascii', subject);
  const lead = (mark: number, size: number) =>
    arithmetic('add', integer(mark), arithmetic('integer_divide', code, integer(size)));
  return {
    kind: 'case',
    branches: [
      { when: compare('lt', code, integer(0x80)), result: code },
      { when: compare('lt', code, integer(0x800)), result: lead(0xc0, 0x40) },
      { when: compare('lt', code, integer(0x1_0000)), result: lead(0xe0, 0x1000) },
      { when: isNull(code, true), result: lead(0xf0, 0x4_0000) },
    ],
  };
}

const asciiMax = 127;

/** CHAR(72, 105): one byte of each number, which is a character up to 127; nulls are left out. */
function characters(at: CallSite): Typed {
  const parts = at.call.operands.map((_, index) => {
    const value = at.argument(index);
    const code = constantNumber(value);
    if (value.type === 'null') return text('');
    if (code !== undefined && Number.isInteger(code) && code > 0 && code <= asciiMax)
      return text(String.fromCharCode(code));
    if (value.node.kind === 'literal' || value.node.kind === 'arithmetic')
      throw at.refuse(`char takes numbers from 1 to ${asciiMax}, which are characters of one byte`, {
        expected: `1 to ${asciiMax}`,
      });
    const isWithin: PlanExpression = {
      kind: 'between',
      value: value.node,
      low: integer(1),
      high: integer(asciiMax),
      negated: false,
    };
    const failure = cast(call('error', text(planErrors.outOfRange)), 'string');
    return choose(isNull(value.node), text(''), choose(isWithin, call('chr', cast(value.node, 'integer')), failure));
  });
  const [only, ...more] = parts;
  return string(only && more.length === 0 ? only : { kind: 'concat', operands: parts });
}

/** A place from which a pattern is looked for; undefined for the first, where it changes nothing. */
function searchedFrom(at: CallSite, index: number): number | undefined {
  if (at.count <= index) return undefined;
  const place = constantNumber(at.argument(index));
  if (place === undefined || place < 1)
    throw at.refuse(`${at.call.name} takes a constant place from 1`, { expected: 'a place from 1' });
  return place === 1 ? undefined : place;
}

function occurrence(at: CallSite, index: number, least: number): number | undefined {
  if (at.count <= index) return undefined;
  const number = constantNumber(at.argument(index));
  if (number === undefined || number < least)
    throw at.refuse(`${at.call.name} takes a constant occurrence from ${least}`, {
      expected: `a number from ${least}`,
    });
  return number;
}

/** REGEXP_REPLACE(text, pattern, with[, place[, occurrence]]): all from a place on; a certain one is refused. */
function regexReplace(at: CallSite): Typed {
  const [subject, pattern, replacement] = [textArgument(at, 0), textArgument(at, 1), textArgument(at, 2)];
  const from = searchedFrom(at, 3);
  if ((occurrence(at, 4, 0) ?? 0) !== 0)
    throw at.refuse('regexp_replace of one occurrence is not supported', { expected: '0, which is all of them' });
  const replaced = (value: PlanExpression) => call('regexp_replace', value, pattern, replacement, text('g'));
  if (from === undefined) return string(replaced(subject));
  const kept = call('left', subject, integer(from - 1));
  return string({ kind: 'concat', operands: [kept, replaced(call('substring', subject, integer(from)))] });
}

/** REGEXP_SUBSTR(text, pattern[, place[, occurrence]]): null where there is none. */
function regexPart(at: CallSite): Typed {
  const from = searchedFrom(at, 2);
  const subject = from === undefined ? textArgument(at, 0) : call('substring', textArgument(at, 0), integer(from));
  const number = occurrence(at, 3, 1) ?? 1;
  const found = call('regexp_extract_all', subject, textArgument(at, 1));
  return string({ kind: 'element', value: found, index: integer(number) });
}

/** REGEXP_INSTR(text, pattern): where the first match begins, from 1; 0 where there is none. */
function regexPlace(at: CallSite): Typed {
  const [subject, pattern] = [textArgument(at, 0), at.argument(1).node];
  if (pattern.kind !== 'literal' || typeof pattern.value !== 'string')
    throw at.refuse('regexp_instr takes a constant pattern', { expected: 'a constant', argument: 2 });
  // The shortest beginning that the pattern can follow.
  const before = call('regexp_extract', subject, text(`^((?s:.*?))(?:${pattern.value})`), integer(1));
  const place = arithmetic('add', call('length', before), integer(1));
  const answer = choose(call('regexp_matches', subject, pattern), place, integer(0));
  return typed(nullIfAny([subject], answer, 'bigint'), 'bigint');
}

/** INSERT(text, place, length, other): the text where the place is outside of it; all that is left where the length is. */
function inserted(at: CallSite): Typed {
  const [subject, other] = [textArgument(at, 0), textArgument(at, 3)];
  const [place, length] = [cast(at.argument(1).node, 'bigint'), cast(at.argument(2).node, 'bigint')];
  const size = call('length', subject);
  const isOutside = logic('or', [compare('lt', place, integer(1)), compare('gt', place, size)]);
  const isLong = logic('or', [compare('lt', length, integer(0)), compare('gt', length, size)]);
  const head = call('left', subject, arithmetic('subtract', place, integer(1)));
  const tail = choose(isLong, text(''), call('substring', subject, arithmetic('add', place, length)));
  const answer = choose(isOutside, subject, { kind: 'concat', operands: [head, other, tail] });
  return string(nullIfAny([subject, place, length, other], answer));
}

const formatDigitsMax = 38;

/** FORMAT(number, digits): rounded, with a comma before every three digits. */
function groupedNumber(at: CallSite): Typed {
  const value = toNumber(at.argument(0), at.site);
  const given = constantNumber(at.argument(1));
  if (given === undefined || !Number.isInteger(given) || given > formatDigitsMax)
    throw at.refuse(`format takes a constant number of digits up to ${formatDigitsMax}`, {
      expected: 'a constant',
      argument: 2,
    });
  if (at.count > 2) requireLocale(at);
  const digits = Math.max(given, 0);
  return string(call('grouped_digits', fixedDigits(value, digits, at)));
}

function requireLocale(at: CallSite): void {
  const { node } = at.argument(2);
  if (node.kind !== 'literal' || String(node.value).toLowerCase() !== 'en_us')
    throw at.refuse('format writes numbers as en_US does', { expected: 'en_US', argument: 3 });
}

/** A number with so many digits behind its point; a double rounds halves to the even neighbour. */
function fixedDigits(value: Typed, digits: number, at: CallSite): PlanExpression {
  const [, scale = '0'] = /^decimal\(\d+,(\d+)\)$/.exec(value.type) ?? [];
  if (isFloating(value.type)) {
    if (digits > doubleDigitsMax)
      throw at.refuse(`format of a double takes at most ${doubleDigitsMax} digits`, { expected: doubleDigitsMax });
    return cast(cast(call('round_even', value.node, integer(digits)), `decimal(38,${digits})`), 'string');
  }
  const kept = Math.min(Number(scale), digits);
  const rounded = kept < Number(scale) ? call('round', value.node, integer(kept)) : value.node;
  return cast(cast(rounded, `decimal(38,${digits})`), 'string');
}

/** Of a double no more are sure. */
const doubleDigitsMax = 15;

/** Compared as texts where all are, as numbers where all are; MySQL makes numbers of a mixture, texts among them. */
function field(at: CallSite): Typed {
  const values = at.call.operands.map((_, index) => at.argument(index));
  const areNumbers = values.every((value) => isNumber(value.type) || value.type === 'null');
  if (!areNumbers && values.some((value) => isNumber(value.type) || value.type === 'boolean'))
    throw at.refuse('field compares texts with texts or numbers with numbers; cast some of them', {
      expected: 'values of one type',
    });
  const [subject, ...others] = areNumbers
    ? values.map((value) => value.node)
    : values.map((_, index) => textArgument(at, index));
  const branches = others.map((other, index) => ({
    when: compare('eq', subject ?? noText, other),
    result: integer(index + 1),
  }));
  return typed({ kind: 'case', branches, otherwise: integer(0) }, 'bigint');
}

function chooseByPlace(at: CallSite): Typed {
  const place = at.argument(0).node;
  const branches = at.call.operands
    .slice(1)
    .map((_, index) => ({ when: compare('eq', place, integer(index + 1)), result: textArgument(at, index + 1) }));
  return string({ kind: 'case', branches });
}

/** MySQL's GREATEST and LEAST are null when any argument is. */
function extreme(name: 'greatest' | 'least', at: CallSite): Typed {
  const all = at.call.operands.map((_, index) => at.argument(index));
  requireExtreme(all, at.site);
  const { values, type } = unify(conditionsAsNumbers(at.site.context.meet(all, at.site.fields)));
  const nodes = values.map((value) => value.node);
  return typed(
    choose(
      logic(
        'or',
        nodes.map((node) => isNull(node)),
      ),
      literal('string', null),
      call(name, ...nodes),
    ),
    type,
  );
}

/** Flags `c` and `i` are the only ones with one meaning everywhere. */
function regexLike(at: CallSite): Typed {
  const flags = at.node(2);
  const known =
    flags && kindOf(flags) === 'literal' ? String((at.argument(2).node as { value?: unknown }).value) : undefined; // a literal node has a value
  if (flags && (known === undefined || !/^[ci]*$/.test(known)))
    throw at.refuse('flags of a regular expression are c and i', { expected: 'c or i' });
  const isWide = at.site.context.dialect === 'postgresql';
  const options =
    known === undefined && !isWide ? [] : [text(`${isWide ? 's' : ''}${known?.endsWith('i') ? 'i' : 'c'}`)];
  return typed(call('regexp_matches', textArgument(at, 0), textArgument(at, 1), ...options), 'boolean');
}
