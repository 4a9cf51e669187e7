import { call, literal, not, text } from '@hybridstore/plan';
import { type BindSite, bindField } from './bind-site.ts';
import { dialectText, type Typed, typed } from './types.ts';

/** `x SIMILAR TO pattern`: the whole text, by a pattern that is LIKE's and a regular expression's at once. */
export function bindSimilarTo(site: BindSite): Typed {
  const { fields, scope, context } = site;
  const value = dialectText(bindField(site, 'this'), context.dialect);
  const pattern = bindField(site, 'pattern').node;
  const negated = fields.flag('not');
  const escapeNode = fields.optional('escape');
  const escapeWith = escapeNode ? context.bind(escapeNode, scope).node : text('\\');
  if (context.dialect !== 'postgresql')
    throw fields.refuse('SIMILAR TO is not supported in this dialect', { expected: 'LIKE or a regular expression' });
  if (pattern.kind !== 'literal' || escapeWith.kind !== 'literal')
    throw fields.refuse('SIMILAR TO takes a constant pattern', { expected: 'a constant' });
  if (pattern.value === null || escapeWith.value === null) return typed(literal('boolean', null), 'boolean');
  const expression = readPattern(String(pattern.value), String(escapeWith.value), site);
  const matches = call('regexp_full_match', value, text(expression), text('s'));
  return typed(negated ? not(matches) : matches, 'boolean');
}

const wildcards: Readonly<Record<string, string>> = { '%': '.*', _: '.', '(': '(?:' };
const plainInPatterns = /[\\.^$]/;

/** As PostgreSQL turns one into the other, letter by letter. */
function readPattern(pattern: string, escapeWith: string, { fields }: BindSite): string {
  if ([...escapeWith].length > 1) throw fields.refuse('ESCAPE takes one character', { expected: 'one character' });
  let isEscaped = false;
  let isInClass = false;
  let expression = '';
  for (const character of pattern) {
    if (isEscaped) {
      // Letters and digits behind a backslash mean something else in PostgreSQL's regular expressions than here.
      if (/[\p{L}\p{N}"]/u.test(character))
        throw fields.refuse(`SIMILAR TO: ${escapeWith}${character} is not supported`, {
          actual: `${escapeWith}${character}`,
        });
      expression += `\\${character}`;
      isEscaped = false;
    } else if (character === escapeWith) isEscaped = true;
    else if (isInClass) {
      expression += character === '\\' ? '\\\\' : character;
      isInClass = character !== ']';
    } else {
      isInClass = character === '[';
      expression += wildcards[character] ?? (plainInPatterns.test(character) ? `\\${character}` : character);
    }
  }
  if (isEscaped) throw fields.refuse('SIMILAR TO: a pattern cannot end with its escape character');
  return expression;
}
