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
  let result: Json = object;
  let copiedBytes = 0;
  for (const operation of operations) {
    if (operation.op === 'copy') copiedBytes += JSON.stringify(readAt(result, operation, operation.from)).length;
    if (copiedBytes > copiedBytesMax) throw misfit(operation, `more than ${copiedBytesMax} bytes are copied`);
    result = applyOperation(result, operation);
  }
  if (isJsonObject(result)) return result;
  throw kubeError({ reason: 'Invalid', message: `the JSON patch leaves no object but ${describe(result)}` });
}

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

function applyOperation(document: Json, operation: Operation): Json {
  const { op, path, from, value } = operation;
  switch (op) {
    case 'add':
      return writeAt(document, operation, { path, isInsert: true, value });
    case 'replace':
      readAt(document, operation, path);
      return writeAt(document, operation, { path, isInsert: false, value });
    case 'remove':
      readAt(document, operation, path);
      return removeAt(document, operation, path);
    case 'copy':
      return writeAt(document, operation, { path, isInsert: true, value: readAt(document, operation, from) });
    case 'move': {
      if (path.startsWith(`${from}/`)) throw misfit(operation, `${from} cannot be moved into itself`);
      const moved = readAt(document, operation, from);
      return writeAt(removeAt(document, operation, from), operation, { path, isInsert: true, value: moved });
    }
    case 'test': {
      const found = readAt(document, operation, path);
      if (isJsonEqual(found, value)) return document;
      throw misfit(operation, `testing value ${path} failed: expected ${describe(value)}, found ${describe(found)}`);
    }
  }
}

function readAt(document: Json, operation: Operation, pointer: string): Json {
  return stepsOf(pointer).reduce<Json>((value, step) => readStep(value, operation, { step, pointer }), document);
}

type Step = { readonly step: string; readonly pointer: string };

function readStep(value: Json, operation: Operation, { step, pointer }: Step): Json {
  const found = Array.isArray(value)
    ? value[indexOf(operation, { step, pointer }, value.length - 1)]
    : isJsonObject(value) && Object.hasOwn(value, step)
      ? value[step]
      : undefined;
  if (found !== undefined) return found;
  throw misfit(operation, `${pointer} does not exist: there is no ${JSON.stringify(step)}`);
}

type Write = { readonly path: string; readonly isInsert: boolean; readonly value: Json };

function writeAt(document: Json, operation: Operation, { path, isInsert, value }: Write): Json {
  return changeAt(
    document,
    operation,
    path,
    (parent, step) => {
      if (!Array.isArray(parent)) return { ...(parent as JsonObject), [step]: value }; // the parent of a step is a list or a map
      const last = isInsert ? parent.length : parent.length - 1;
      const at = step === '-' && isInsert ? parent.length : indexOf(operation, { step, pointer: path }, last);
      return parent.toSpliced(at, isInsert ? 0 : 1, value);
    },
    value,
  );
}

function removeAt(document: Json, operation: Operation, path: string): Json {
  return changeAt(
    document,
    operation,
    path,
    (parent, step) => {
      if (Array.isArray(parent))
        return parent.toSpliced(indexOf(operation, { step, pointer: path }, parent.length - 1), 1);
      const { [step]: _removed, ...rest } = parent as JsonObject; // the parent of a step is a list or a map
      return rest;
    },
    null,
  );
}

/** Makes the last step's parent anew, and everything above it. `whole` is what an empty pointer leaves. */
function changeAt(
  document: Json,
  operation: Operation,
  pointer: string,
  change: (parent: Json, step: string) => Json,
  whole: Json,
): Json {
  const steps = stepsOf(pointer);
  const last = steps.pop();
  if (last === undefined) return whole;
  const parents = [document];
  for (const step of steps) parents.push(readStep(parents.at(-1) ?? null, operation, { step, pointer }));
  const parent = parents.at(-1) ?? null;
  if (!Array.isArray(parent) && !isJsonObject(parent))
    throw misfit(operation, `${pointer} does not exist: ${describe(parent)} has no ${JSON.stringify(last)}`);
  return steps.reduceRight<Json>(
    (child, step, at) => {
      const above = parents[at] ?? null;
      return Array.isArray(above) ? above.with(Number(step), child) : { ...(above as JsonObject), [step]: child }; // it was read by the step
    },
    change(parent, last),
  );
}

function indexOf(operation: Operation, { step, pointer }: Step, indexMax: number): number {
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
