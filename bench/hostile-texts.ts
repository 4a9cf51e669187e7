/** JSON of about `bytes` bytes in shapes that cost a reader more than their size, by name. */
export const hostileTexts: Readonly<Record<string, (bytes: number) => string>> = {
  'one escape before many numbers': (bytes) => list('1', bytes, '"\\u0061",'),
  'many numbers': (bytes) => list('1', bytes),
  'empty lists': (bytes) => list('[]', bytes),
  'empty objects': (bytes) => list('{}', bytes),
  'small objects': (bytes) => list('{"a":1}', bytes),
  'short texts': (bytes) => list('"a"', bytes),
  'one text': (bytes) => `["${'x'.repeat(bytes)}"]`,
  escapes: (bytes) => `["${fill('\\u0061', bytes)}"]`,
  'texts of an escape': (bytes) => list('"\\u005f"', bytes),
  'keys that are all different': (bytes) => `{${differentKeys(bytes)}}`,
  'keys of digits': (bytes) => `{${differentKeys(bytes, '', 7_919)}}`,
  'doubled keys': (bytes) => `{${items('"a":1', bytes)}}`,
  'keys of escapes': (bytes) => `{${items('"\\u005f_prot\\u006f":1', bytes)}}`,
  exponents: (bytes) => list('1e5', bytes),
  'exponents out of range': (bytes) => list('1e-400', bytes),
  'long numbers': (bytes) => list('9007199254740993', bytes),
  'long fractions': (bytes) => list('0.12345678901234567', bytes),
  'one number': (bytes) => `[${'9'.repeat(bytes)}]`,
  'one number of zeros': (bytes) => `[1${'0'.repeat(bytes)}]`,
  'deep lists': (bytes) => list(`${'['.repeat(40)}${']'.repeat(40)}`, bytes),
  'too deep': (bytes) => '['.repeat(bytes),
  'broken at its end': (bytes) => `${list('1', bytes)}]`,
};

function fill(piece: string, bytes: number): string {
  return piece.repeat(Math.floor(bytes / piece.length));
}

function items(item: string, bytes: number): string {
  return fill(`${item},`, bytes - item.length) + item;
}

function list(item: string, bytes: number, first = ''): string {
  return `[${first}${items(item, bytes - first.length)}]`;
}

const keyModulus = 4_294_967_291;

function differentKeys(bytes: number, prefix = 'k', step = 1): string {
  const keys: string[] = [];
  for (let length = 0, index = 0; length < bytes; index += 1) {
    const key = `"${prefix}${(index * step) % keyModulus}":1`;
    keys.push(key);
    length += key.length + 1;
  }
  keys.pop();
  return keys.join(',');
}
