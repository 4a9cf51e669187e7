import type { PlanExpression } from '@hybridstore/contracts';
import { call, cast, integer, text } from '@hybridstore/plan';
import { toNumber } from '../bind/arithmetic.ts';
import {
  bitsAsNumber,
  constantNumber,
  isFloating,
  isInteger,
  isNumber,
  isText,
  type Typed,
  textOf,
  typed,
} from '../bind/types.ts';
import { unsignedBits } from '../bind/unsigned-bits.ts';
import { type CallSite, type Translators, textArgument } from './call-site.ts';

const string = (node: PlanExpression): Typed => typed(node, 'string');

/**
 * Texts and numbers in other characters: bytes as hexadecimal digits or base 64, numbers in another base, and hashes.
 *
 *     MySQL   HEX('ż')    C5BC, of bytes           HEX(-1)       FFFFFFFFFFFFFFFF, of 64 bits without a sign
 *     MySQL   BIN(12)     CONV(12, 10, 2)          CONV('zz', 36, 10)
 *
 * Left out: bytes that are no text, which UNHEX fails with; bases that are not constant.
 */
export const codingTranslators: Translators = {
  mysql: {
    hex: (at) => {
      const value = at.argument(0);
      const isCounted = isNumber(value.type) || value.type === 'boolean';
      return string(call('hex', isCounted ? bitsRounded(toNumber(value, at.site)) : textArgument(at, 0)));
    },
    unhex: (at) => string(call('text_of_hex', textArgument(at, 0))),
    ord: (at) => typed(call('first_bytes', textArgument(at, 0)), 'bigint'),
    bin: (at) => string(converted(at, { from: 10, to: 2 })),
    oct: (at) => string(converted(at, { from: 10, to: 8 })),
    conv: (at) => string(converted(at, { from: base(at, 1), to: base(at, 2) })),
    quote: (at) => string(call('quoted_text', textArgument(at, 0))),
    soundex: (at) => string(call('soundex', textArgument(at, 0))),
    to_base64: (at) => string(call('base64_of_text', textArgument(at, 0))),
    sha2: (at) => {
      const bits = constantNumber(at.argument(1));
      if (bits !== 256 && bits !== 0)
        throw at.refuse('sha2 makes 256 bits', { expected: '256 or 0', argument: 2, actual: bits });
      return string(call('sha256', textArgument(at, 0)));
    },
    sha1: (at) => string(call('sha1', textArgument(at, 0))),
    sha: (at) => string(call('sha1', textArgument(at, 0))),
    md5: (at) => string(call('md5', textArgument(at, 0))),
  },
  postgresql: {
    to_hex: (at) => {
      const value = at.argument(0);
      // A literal of 32 bits is one there.
      const isShort = value.node.kind === 'literal' && Math.abs(Number(value.node.value)) < 2 ** 31;
      if (isShort && Number((value.node as { value?: unknown }).value) < 0)
        throw at.refuse('to_hex of a negative number depends on its size; cast it to bigint', {
          expected: 'a number from 0, or a cast',
        });
      return string(call('lower', call('hex', unsignedBits(toNumber(value, at.site)))));
    },
  },
};

const baseMin = 2;
const baseMax = 36;
const decimal = 10;

/** A base that is negative asks for a sign, which numbers here do not have. */
function base(at: CallSite, index: number): number {
  const given = constantNumber(at.argument(index));
  if (given === undefined || !Number.isInteger(given) || given < baseMin || given > baseMax)
    throw at.refuse(`${at.call.name} takes constant bases from ${baseMin} to ${baseMax}`, {
      expected: `${baseMin} to ${baseMax}`,
      argument: index + 1,
    });
  return given;
}

/** A number or a text in one base, as the text of the same 64 bits in another. */
function converted(at: CallSite, { from, to }: { readonly from: number; readonly to: number }): PlanExpression {
  const value = bitsAsNumber(at.argument(0));
  const bits = isNumber(value.type) && from === decimal ? bitsOfNumber(value) : bitsOfText(at, value, from);
  return call('digits_of_bits', bits, integer(to));
}

/** Halves go away from zero, those of doubles too. */
function bitsRounded(value: Typed): PlanExpression {
  if (!isFloating(value.type)) return unsignedBits(value);
  return unsignedBits(typed(cast(call('round', value.node), 'bigint'), 'bigint'));
}

/** CONV cuts a fraction where HEX rounds. */
function bitsOfNumber(value: Typed): PlanExpression {
  if (isInteger(value.type)) return unsignedBits(value);
  return unsignedBits(typed(cast(call('trunc', value.node), 'hugeint'), 'hugeint'));
}

/** The digits that a text begins with; none are zero, and an empty text has no number. */
function bitsOfText(at: CallSite, value: Typed, from: number): PlanExpression {
  const subject = isText(value.type) ? textOf(value) : textArgument(at, 0);
  const letters = from > decimal ? `A-${String.fromCharCode('A'.charCodeAt(0) + from - decimal - 1)}` : '';
  const digit = `[0-${Math.min(from, decimal) - 1}${letters}]`;
  const capitals = call('upper', call('nullif', subject, text('')));
  const beginning = call('regexp_extract', capitals, text(`^\\s*(-?${digit}+)`), integer(1));
  return call('bits_of_digits', beginning, integer(from));
}
