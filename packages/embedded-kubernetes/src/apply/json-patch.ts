import { isJsonEqual, isJsonObject, type Json, type JsonObject, kubeError } from '@hybridstore/controller-runtime';

/**
 * JSON patch, RFC 6902: all operations, or none. A patch that cannot be read is a bad request; one that does not fit the
 * object, or whose test fails, is invalid (422). Source of the limit: apiserver pkg/endpoints/handlers/patch.go.
 */
const operationsMax = 10_000;
/** All copies of a patch together: else a few operations would double an object without end. */
const copiedBytesMax = 3 * 1024 * 1024;
const operationNames = ['add', 'remove', 'replace', 'move', 'copy', 'test'] as const;

type Operation = {
  readonly op: (typeof operationNames)[number];
  readonly path: string;
  readonly from: string;
  readonly value: Json;
  readonly index: number;
};

/** The object as the operations leave it; neither argument is changed. Throws `invalid_request`, `too_large`. */
export function applyJsonPatch(object: JsonObject, patch: readonly unknown[]): JsonObject {
  if (patch.length > operationsMax) {
    const message = `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${patch.length}`;
    throw kubeError({ reason: 'RequestEntityTooLarge', message });
  }
  const operations = patch.map(readOperation);
  // One copy that every operation changes: a copy for each would be as slow as they are many.
  const document: Document = { root: structuredClone(object), copiedBytes: 0 };
  for (const operation of operations) applyOperation(document, operation);
  if (isJsonObject(document.root)) return document.root;
  throw kubeError({ reason: 'Invalid', message: `the JSON patch leaves no object but ${describe(document.root)}` });
}

type Document = { root: Json; copiedBytes: number };

function readOperation(value: unknown, index: number): Operation {
  const fail = (field: string, expected: string, actual: unknown) =>
    kubeError({
      reason: 'BadRequest',
      message: `error decoding patch: operation ${index}: ${field}: expected ${expected}, got ${describe(actual)}`,
    });
  if (!isJsonObject(value)) throw fail('', 'an object', value);
  const { op, path, from = '', value: operand } = value;
  const known = operationNames.find((name) => name === op);
  if (known === undefined) throw fail('op', `one of ${operationNames.join(', ')}`, op);
  if (!isPointer(path)) throw fail('path', 'a JSON pointer such as /spec/replicas', path);
  const needsFrom = known === 'move' || known === 'copy';
  if (!isPointer(from) || (needsFrom && value.from === undefined)) throw fail('from', 'a JSON pointer', value.from);
  const needsValue = known === 'add' || known === 'replace' || known === 'test';
  if (needsValue && operand === undefined) throw fail('value', 'a value', operand);
  return { op: known, path, from, value: operand ?? null, index };
}

/** RFC 6901: empty, or steps that begin with a slash, in which a tilde is followed by 0 or 1. */
function isPointer(value: unknown): value is string {
  return typeof value === 'string' && (value === '' || (value.startsWith('/') && !/~(?![01])/.test(value)));
}

function applyOperation(document: Document, operation: Operation): void {
  const { op, path, value } = operation;
  switch (op) {
    case 'add':
      insertAt(document, operation, structuredClone(value));
      break;
    case 'replace':
      replaceAt(document, operation, structuredClone(value));
      break;
    case 'remove':
      removeAt(document, operation, path);
      break;
    case 'copy':
      insertAt(document, operation, copyOf(document, operation));
      break;
    case 'move':
      moveTo(document, operation);
      break;
    case 'test':
      assertEqual(operation, readAt(document, operation, path));
  }
}

function moveTo(document: Document, operation: Operation): void {
  const { from, path } = operation;
  if (path.startsWith(`${from}/`)) throw misfit(operation, `${from} cannot be moved into itself`);
  const moved = readAt(document, operation, from);
  removeAt(document, operation, from);
  insertAt(document, operation, moved);
}

function assertEqual(operation: Operation, found: Json): void {
  const { path, value } = operation;
  if (isJsonEqual(found, value)) return;
  throw misfit(operation, `testing value ${path} failed: expected ${describe(value)}, found ${describe(found)}`);
}

function copyOf(document: Document, operation: Operation): Json {
  const text = JSON.stringify(readAt(document, operation, operation.from));
  document.copiedBytes += text.length;
  if (document.copiedBytes > copiedBytesMax) throw misfit(operation, `more than ${copiedBytesMax} bytes are copied`);
  return JSON.parse(text) as Json; // JSON of JSON
}

/** `-` is the end of a list. */
function insertAt(document: Document, operation: Operation, value: Json): void {
  const place = findPlace(document, operation, operation.path);
  if (place === undefined) document.root = value;
  else if (!Array.isArray(place.parent)) setField(place.parent, place.step, value);
  else {
    const { length } = place.parent;
    place.parent.splice(place.step === '-' ? length : indexIn(operation, place, length), 0, value);
  }
}

function replaceAt(document: Document, operation: Operation, value: Json): void {
  readAt(document, operation, operation.path);
  const place = findPlace(document, operation, operation.path);
  if (place === undefined) document.root = value;
  else if (Array.isArray(place.parent)) place.parent[indexIn(operation, place, place.parent.length - 1)] = value;
  else setField(place.parent, place.step, value);
}

function removeAt(document: Document, operation: Operation, path: string): void {
  readAt(document, operation, path);
  const place = findPlace(document, operation, path);
  if (place === undefined) document.root = null;
  else if (Array.isArray(place.parent)) place.parent.splice(indexIn(operation, place, place.parent.length - 1), 1);
  else Reflect.deleteProperty(place.parent, place.step);
}

/** Not by assignment, to which `__proto__` is no name like any other. */
function setField(parent: object, name: string, value: Json): void {
  Object.defineProperty(parent, name, { value, writable: true, enumerable: true, configurable: true });
}

/** The list or map that the last step of a pointer is in; it is the document's own and may be changed. */
type Place = { readonly parent: Json[] | object; readonly step: string; readonly pointer: string };

/** Undefined for the whole document. */
function findPlace(document: Document, operation: Operation, pointer: string): Place | undefined {
  const steps = stepsOf(pointer);
  const step = steps.pop();
  if (step === undefined) return undefined;
  const parent = steps.reduce<Json>(
    (value, name) => readStep(value, operation, { step: name, pointer }),
    document.root,
  );
  if (Array.isArray(parent)) return { parent: parent as Json[], step, pointer }; // of our own copy
  if (isJsonObject(parent)) return { parent, step, pointer };
  throw misfit(operation, `${pointer} does not exist: ${describe(parent)} has no ${JSON.stringify(step)}`);
}

function readAt(document: Document, operation: Operation, pointer: string): Json {
  return stepsOf(pointer).reduce<Json>((value, step) => readStep(value, operation, { step, pointer }), document.root);
}

type Step = { readonly step: string; readonly pointer: string };

function readStep(value: Json, operation: Operation, { step, pointer }: Step): Json {
  const found = Array.isArray(value)
    ? value[indexIn(operation, { step, pointer }, value.length - 1)]
    : isJsonObject(value) && Object.hasOwn(value, step)
      ? value[step]
      : undefined;
  if (found !== undefined) return found;
  throw misfit(operation, `${pointer} does not exist: there is no ${JSON.stringify(step)}`);
}

function indexIn(operation: Operation, { step, pointer }: Step, indexMax: number): number {
  const index = /^(0|[1-9]\d*)$/.test(step) ? Number(step) : Number.NaN;
  if (index <= indexMax) return index;
  throw misfit(operation, `${pointer}: expected an index from 0 to ${indexMax}, got ${JSON.stringify(step)}`);
}

function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function misfit({ op, index }: Operation, problem: string) {
  return kubeError({
    reason: 'Invalid',
    message: `the JSON patch does not fit the object: operation ${index} (${op}): ${problem}`,
  });
}
