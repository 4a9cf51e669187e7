import { isExactNumber } from './exact-number.ts';

/** A key that stands twice in one object of a JSON text, of which `value` is what was read: JSON.parse keeps the last of them. */
export function findRepeatedKey(text: string, value: unknown): string | undefined {
  // What looks like a key inside a string costs a closer look and changes nothing.
  return countWrittenKeys(text) === countKeys(value) ? undefined : lookForRepeatedKey(text);
}

function countWrittenKeys(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    let before = at - 1;
    while (isSpace(text.charCodeAt(before))) before -= 1;
    if (text.charCodeAt(before) === quoteCode) count += 1;
  }
  return count;
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return 0;
  if (Array.isArray(value)) return value.reduce<number>((count, item) => count + countKeys(item), 0);
  let count = 0;
  for (const item of Object.values(value)) count += 1 + countKeys(item);
  return count;
}

/** `text` is valid JSON, so that a text with a colon behind it is a key. */
function lookForRepeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    if (found === '{' || found === '[') open.push(new Set());
    else if (found === '}' || found === ']') open.pop();
    else {
      let after = token.lastIndex;
      while (isSpace(text.charCodeAt(after))) after += 1;
      if (text[after] !== ':') continue;
      const key = String(JSON.parse(found));
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

const quoteCode = 0x22;

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
