import type { PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, choose, compare, integer, isNull, literal, logic, text } from '@hybridstore/plan';
import { toCondition } from '../bind/conditions.ts';
import { constantNumber, type Typed, textOf, typed, unify } from '../bind/types.ts';
import { kindOf } from '../syntax/syntax-tree.ts';
import type { CallSite, Translators } from './call-site.ts';

const string = (node: PlanExpression): Typed => typed(node, 'string');
const textArgument = (at: CallSite, index: number): PlanExpression => textOf(at.argument(index));
const all = (at: CallSite): readonly PlanExpression[] => at.call.operands.map((_, index) => textArgument(at, index));

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
 * Left out: formats of numbers, HEX, PostgreSQL's arrays of groups (`regexp_match`), flags of patterns other than c and i.
 */
export const textTranslators: Translators = {
  all: {
    length: (at) => typed(call('length', lengthSubject(at)), 'bigint'),
    char_length: (at) => typed(call('length', textArgument(at, 0)), 'bigint'),
    character_length: (at) => typed(call('length', textArgument(at, 0)), 'bigint'),
    concat: (at) => string(call('concat', ...all(at))),
    concat_ws: (at) => string(call('concat_ws', ...all(at))),
    trim,
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
      const place = call('list_position', call('string_split', textArgument(at, 1), text(',')), textArgument(at, 0));
      return typed(
        choose(isNull(textArgument(at, 0)), literal('bigint', null), call('coalesce', place, integer(0))),
        'bigint',
      );
    },
    field,
    elt: chooseByPlace,
    strcmp: (at) => {
      const [a, b] = [textArgument(at, 0), textArgument(at, 1)];
      const order = choose(compare('lt', a, b), integer(-1), choose(compare('eq', a, b), integer(0), integer(1)));
      return typed(choose(logic('or', [isNull(a), isNull(b)]), literal('bigint', null), order), 'bigint');
    },
    char: (at) => string(call('chr', at.argument(0).node)),
    greatest: (at) => extreme('greatest', at),
    least: (at) => extreme('least', at),
    regexp_replace: (at) => string(call('regexp_replace', ...all(at).slice(0, 3), text('g'))),
    regexp_substr: (at) =>
      string(call('nullif', call('regexp_extract', textArgument(at, 0), textArgument(at, 1)), text(''))),
    regexp_like: regexLike,
    hex: (at) => refused(at),
    format: (at) => refused(at),
  },
  postgresql: {
    regexp_like: regexLike,
    regexp_matches: (at) => refused(at),
    regexp_match: (at) => refused(at),
    format: (at) => refused(at),
    quote_literal: (at) => refused(at),
    strpos: position,
    split_part: (at) => string(call('split_part', textArgument(at, 0), textArgument(at, 1), at.argument(2).node)),
  },
};

function refused(at: CallSite): never {
  throw at.refuse(`function ${at.call.name} is not supported in this dialect`);
}

function lengthSubject(at: CallSite): PlanExpression {
  const value = at.argument(0);
  return value.type.endsWith('[]') || value.type === 'list' ? value.node : textOf(value);
}

/** TRIM([BOTH | LEADING | TRAILING] [characters FROM] text) */
function trim(at: CallSite): Typed {
  return string(call('trim', ...all(at)));
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
  const length = at.count > 2 ? at.argument(2).node : undefined;
  const piece = (from: PlanExpression, size: PlanExpression | undefined) =>
    call('substring', subject, from, ...(size ? [size] : []));
  const known = constantNumber(start);
  if (known !== undefined && (known > 0 || (known < 0 && dialect !== 'postgresql')))
    return string(piece(start.node, length));
  if (dialect === 'mysql')
    return string(choose(compare('eq', start.node, integer(0)), text(''), piece(start.node, length)));
  if (dialect === 'duckdb') return string(piece(start.node, length));
  const from = call('greatest', start.node, integer(1));
  if (!length) return string(piece(from, undefined));
  const end = arithmetic('add', start.node, length);
  return string(piece(from, call('greatest', arithmetic('subtract', end, from), integer(0))));
}

function side(name: 'left' | 'right', at: CallSite): Typed {
  const size = at.argument(1);
  const isPlain = at.site.context.dialect !== 'mysql' || (constantNumber(size) ?? -1) >= 0;
  return string(call(name, textArgument(at, 0), isPlain ? size.node : call('greatest', size.node, integer(0))));
}

/** A length below 0 makes a null in MySQL and an empty text in PostgreSQL. */
function padded(name: 'lpad' | 'rpad', at: CallSite): Typed {
  const size = at.argument(1).node;
  const filling = at.count > 2 ? textArgument(at, 2) : text(' ');
  const known = constantNumber(at.argument(1));
  if (known !== undefined && known >= 0) return string(call(name, textArgument(at, 0), size, filling));
  const filled = call(name, textArgument(at, 0), call('greatest', size, integer(0)), filling);
  if (at.site.context.dialect !== 'mysql') return string(filled);
  return string(choose(compare('lt', size, integer(0)), literal('string', null), filled));
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
  return typed(choose(compare('eq', found, integer(0)), integer(0), place), 'bigint');
}

function conditional(at: CallSite): Typed {
  const node = at.node(0);
  if (!node || at.count !== 3) throw at.refuse('IF takes 3 arguments', { expected: 3, actual: at.count });
  const condition = toCondition(at.argument(0), node, at.site.context);
  const { values, type } = unify([at.argument(1), at.argument(2)]);
  const [yes, no] = values;
  return typed(choose(condition, yes?.node ?? literal('string', null), no?.node), type);
}

function ifNull(at: CallSite): Typed {
  if (at.count !== 2) throw at.refuse(`${at.call.name} takes 2 arguments`, { expected: 2, actual: at.count });
  const { values, type } = unify([at.argument(0), at.argument(1)]);
  return typed(call('coalesce', ...values.map((value) => value.node)), type);
}

/** Up to the nth separator; from the end when n is negative. */
function substringIndex(at: CallSite): Typed {
  const count = constantNumber(at.argument(2));
  if (count === undefined) throw at.refuse('SUBSTRING_INDEX takes a constant number', { expected: 'a constant' });
  const separator = textArgument(at, 1);
  const parts = call('string_split', textArgument(at, 0), separator);
  const slice =
    count >= 0
      ? call('list_slice', parts, integer(1), integer(count))
      : call('list_slice', parts, integer(count), integer(-1));
  return string(count === 0 ? text('') : call('array_to_string', slice, separator));
}

function field(at: CallSite): Typed {
  const subject = textArgument(at, 0);
  const branches = at.call.operands
    .slice(1)
    .map((_, index) => ({ when: compare('eq', subject, textArgument(at, index + 1)), result: integer(index + 1) }));
  if (branches.length === 0) throw at.refuse('FIELD takes at least 2 arguments');
  return typed({ kind: 'case', branches, otherwise: integer(0) }, 'bigint');
}

function chooseByPlace(at: CallSite): Typed {
  const place = at.argument(0).node;
  const branches = at.call.operands
    .slice(1)
    .map((_, index) => ({ when: compare('eq', place, integer(index + 1)), result: textArgument(at, index + 1) }));
  if (branches.length === 0) throw at.refuse('ELT takes at least 2 arguments');
  return string({ kind: 'case', branches });
}

/** MySQL's GREATEST and LEAST are null when any argument is. */
function extreme(name: 'greatest' | 'least', at: CallSite): Typed {
  const { values, type } = unify(at.call.operands.map((_, index) => at.argument(index)));
  const nodes = values.map((value) => value.node);
  if (nodes.length < 2) throw at.refuse(`${at.call.name} takes at least 2 arguments`);
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
  const options = known === undefined ? [] : [text(known.endsWith('i') ? 'i' : 'c')];
  return typed(call('regexp_matches', textArgument(at, 0), textArgument(at, 1), ...options), 'boolean');
}
