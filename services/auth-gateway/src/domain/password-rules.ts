import { HybridStoreError } from '@hybridstore/runtime';
import { nameKey } from './user.ts';

/** Length is what counts; the bound is NIST SP 800-63B's. */
export const passwordCharactersMin = 8;
/** So much around a word that everybody tries does not make another word of it. */
const trimmingsMax = 4;

/** What is looked up in the list of passwords that everybody tries first; lower case. */
export type IsCommonPassword = (text: string) => boolean;

/**
 * The text that is hashed: NFC, as RFC 8265 (OpaqueString) has it, so that one password typed on two keyboards is one. Not
 * NFKC, which would make one password of two that look different.
 */
export function normalizePassword(password: string): string {
  return password.normalize('NFC');
}

/**
 * Refuses a password that is guessed first: too short, among the common ones (also with up to four characters around it,
 * or letters written as digits), the user's name in such a form, the product's name, one text over and over, or a row of
 * neighbours. Throws `invalid_request` that says which.
 */
export function requirePassword(field: string, password: string, username: string, isCommon: IsCommonPassword): void {
  if (!password.isWellFormed()) throw refuse(field, 'malformed', 'well-formed Unicode');
  const text = normalizePassword(password);
  const characters = [...text];
  if (characters.length < passwordCharactersMin)
    throw refuse(field, 'too_short', `at least ${passwordCharactersMin} characters`);
  if (isRepeated(characters)) throw refuse(field, 'repeated', 'more than one text over and over');
  if (isRow(characters)) throw refuse(field, 'row', 'more than characters in their order');
  const forms = formsOf(text);
  if (forms.some((form) => isNameForm(form, username)))
    throw refuse(field, 'like_username', 'a password that is not made of the username');
  if (forms.some((form) => form === 'hybridstore' || isCommon(form)))
    throw refuse(field, 'common', 'a password that is not among the most common ones, or close to one');
}

/** The text in lower case, with letters for digits that stand for them, and each without what is around its middle. */
function formsOf(text: string): string[] {
  const lower = text.toLowerCase();
  return [...new Set([lower, unmask(lower)].flatMap((form) => [form, trim(form)]))];
}

/** Digits and signs that are written for letters. */
const masks: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
};

function unmask(text: string): string {
  return [...text].map((character) => masks[character] ?? character).join('');
}

/** Without digits and signs at both ends, as far as that is little. */
function trim(text: string): string {
  const middle = text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
  return text.length - middle.length <= trimmingsMax ? middle : text;
}

function isNameForm(form: string, username: string): boolean {
  const name = nameKey(username);
  const local = name.split('@')[0] ?? name;
  return [name, local, trim(name), unmask(name)].some((part) => {
    if (part.length < 3) return false;
    const reversed = [...part].reverse().join('');
    return [part, reversed, part + part, part + reversed].some(
      (variant) => form.includes(variant) && form.length - variant.length <= trimmingsMax,
    );
  });
}

function isRepeated(characters: readonly string[]): boolean {
  for (let period = 1; period <= characters.length / 2; period += 1)
    if (characters.every((character, index) => character === characters[index % period])) return true;
  return false;
}

/** `abcdefgh`, `87654321`. */
function isRow(characters: readonly string[]): boolean {
  const codes = characters.map((character) => character.codePointAt(0) ?? 0);
  return [1, -1].some((step) => codes.every((code, index) => index === 0 || code - (codes[index - 1] ?? 0) === step));
}

function refuse(field: string, reason: string, expected: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `${field}: expected ${expected}`, { field, expected, reason });
}
