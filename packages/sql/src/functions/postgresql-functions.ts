import type { PlanExpression } from '@hybridstore/contracts';
import { arithmetic, call, cast, choose, compare, integer, isNull, literal, planErrors, text } from '@hybridstore/plan';
import { constantNumber, isDecimal, isInteger, isNumber, type Typed, typed } from '../bind/types.ts';
import { type CallSite, type Translators, textArgument } from './call-site.ts';

/**
 * Functions that PostgreSQL alone has.
 *
 *     overlay(a PLACING b FROM 2)       left(a, 1) || b || substring(a, 2 + length(b))
 *     regexp_match('ab', '(a)(b)')      [regexp_extract(…, 1), regexp_extract(…, 2)], null where nothing matches
 *
 * Left out: patterns whose groups may take no part in a match, which are nulls there and empty texts to the engine, and
 * those in which the longest match is not the first.
 */
export const postgresqlTranslators: Translators = {
  postgresql: {
    initcap: (at) => typed(call('capitalized', textArgument(at, 0)), 'string'),
    overlay,
    width_bucket: widthBucket,
    regexp_match: regexGroups,
    regexp_replace: regexReplace,
  },
};

function overlay(at: CallSite): Typed {
  const [subject, other] = [textArgument(at, 0), textArgument(at, 1)];
  const place = at.argument(2);
  const length = at.count > 3 ? at.argument(3).node : call('length', other);
  const known = constantNumber(place);
  if (known !== undefined && known < 1)
    throw at.refuse('overlay takes a place from 1', { expected: 'a place from 1', actual: known });
  const failure = cast(call('error', text(planErrors.negativeLength)), 'bigint');
  const from = known === undefined ? choose(compare('lt', place.node, integer(1)), failure, place.node) : place.node;
  const behind = cast(arithmetic('add', place.node, length), 'bigint');
  const rest = choose(compare('lt', behind, integer(1)), integer(1), behind);
  const parts = [
    call('left', subject, arithmetic('subtract', from, integer(1))),
    other,
    call('substring', subject, rest),
  ];
  const isOpen = isNull(behind);
  return typed(choose(isOpen, literal('string', null), { kind: 'concat', operands: parts }), 'string');
}

/** Digits behind the point that are reckoned with exactly. */
const bucketScaleMax = 10;

function widthBucket(at: CallSite): Typed {
  const values = [0, 1, 2, 3].map((index) => at.argument(index));
  const isExact = values.every(({ type }) => isInteger(type) || isDecimal(type) || type === 'null');
  const wrong = values.find(({ type }) => !isNumber(type) && type !== 'null');
  if (wrong) throw at.refuse(`width_bucket takes numbers, found ${wrong.type}`, { expected: 'a number' });
  const isFine = values.some(({ type }) => Number(/^decimal\(\d+,(\d+)\)$/.exec(type)?.[1] ?? 0) > bucketScaleMax);
  if (isFine)
    throw at.refuse(`width_bucket takes at most ${bucketScaleMax} digits behind the point; cast to double precision`, {
      expected: bucketScaleMax,
    });
  return typed(call(isExact ? 'exact_bucket' : 'double_bucket', ...values.map(({ node }) => node)), 'bigint');
}

/** Flags of PostgreSQL that the engine has; a point stands for a line's end as well. */
function regexOptions(at: CallSite, index: number, allowed: RegExp): PlanExpression {
  const flags = at.count > index ? at.argument(index).node : text('');
  if (flags.kind !== 'literal' || !allowed.test(String(flags.value ?? '-')))
    throw at.refuse(`${at.call.name}: these flags are not supported`, {
      expected: allowed.source.replaceAll(/[^a-z]/g, ''),
      argument: index + 1,
    });
  return text(`s${String(flags.value)}`);
}

function constantPattern(at: CallSite): string {
  const { node } = at.argument(1);
  if (node.kind === 'literal' && typeof node.value === 'string') return node.value;
  throw at.refuse(`${at.call.name} takes a constant pattern`, { expected: 'a constant', argument: 2 });
}

function regexGroups(at: CallSite): Typed {
  const [subject, pattern] = [textArgument(at, 0), constantPattern(at)];
  const options = regexOptions(at, 2, /^[ci]*$/);
  const groups = countGroups(pattern, at);
  const numbers = groups === 0 ? [0] : Array.from({ length: groups }, (_, index) => index + 1);
  const items = numbers.map((number) => call('regexp_extract', subject, text(pattern), integer(number), options));
  return typed(choose(call('regexp_matches', subject, text(pattern), options), { kind: 'array', items }), 'string[]');
}

/** Groups that every match fills; a pattern with others is refused. */
function countGroups(pattern: string, at: CallSite): number {
  const plain = pattern.replaceAll(/\\./gs, '').replaceAll(/\[\^?\]?[^\]]*\]/g, '');
  const isOpen = /\||\)[?*{]|[*+?}]\?|\(\?(?!:)/.test(plain);
  if (isOpen)
    throw at.refuse(`${at.call.name} takes a pattern without |, short repetitions and groups that may be left out`, {
      expected: 'groups that every match fills',
      argument: 2,
    });
  return plain.replaceAll('(?:', '').split('(').length - 1;
}

function regexReplace(at: CallSite): Typed {
  const options = regexOptions(at, 3, /^[gci]*$/);
  const given = textArgument(at, 2);
  // The whole match: `\\&` in PostgreSQL, `\\0` to the engine.
  const isKnown = given.kind === 'literal' && typeof given.value === 'string';
  const replacement = isKnown
    ? text(String(given.value).replaceAll('\\&', '\\0'))
    : call('replace', given, text('\\&'), text('\\0'));
  const [subject, pattern] = [textArgument(at, 0), at.argument(1).node];
  return typed(call('regexp_replace', subject, pattern, replacement, options), 'string');
}
