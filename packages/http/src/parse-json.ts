import { HybridStoreError } from '@hybridstore/runtime';

export type JsonBounds = { readonly depthMax: number };

const decoder = new TextDecoder('utf-8', { fatal: true });

/** JSON of a request body, or `invalid_request` that says where it breaks. Refuses bad UTF-8 and nesting beyond the bound. */
export function parseJson(body: Buffer, bounds: JsonBounds): unknown {
  if (body.length === 0) return undefined;
  const text = decodeUtf8(body);
  requireDepth(body, bounds.depthMax);
  try {
    return JSON.parse(text, refusePrototype(text));
  } catch (cause) {
    if (cause instanceof HybridStoreError) throw cause;
    throw new HybridStoreError(
      'invalid_request',
      `body: not valid JSON (${cause instanceof Error ? cause.message.slice(0, 200) : 'unreadable'})`,
      { field: 'body', expected: 'JSON' },
    );
  }
}

function decodeUtf8(body: Buffer): string {
  try {
    return decoder.decode(body);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      'body: not valid UTF-8',
      { field: 'body', expected: 'UTF-8' },
      { cause },
    );
  }
}

/** Reads brackets outside strings; runs before JSON.parse, which would build the nesting first. */
function requireDepth(body: Buffer, depthMax: number): void {
  let depth = 0;
  let isText = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index];
    if (isText) {
      if (byte === 0x5c) index += 1;
      else if (byte === 0x22) isText = false;
    } else if (byte === 0x22) isText = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > depthMax)
        throw new HybridStoreError('invalid_request', `body: nested deeper than ${depthMax} levels`, {
          field: 'body',
          expected: `at most ${depthMax} levels`,
        });
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
}

/**
 * `__proto__` as a key would set a prototype in careless code later. Only bodies that hold the text pay for the check;
 * any of its letters may be written as an escape, and escapes of ASCII all begin with `\u00`.
 */
function refusePrototype(text: string): ((key: string, value: unknown) => unknown) | undefined {
  if (!text.includes('__proto__') && !text.includes('\\u00')) return undefined;
  return (key, value) => {
    if (key === '__proto__')
      throw new HybridStoreError('invalid_request', 'body: __proto__ is not a known field', { field: '__proto__' });
    return value;
  };
}
