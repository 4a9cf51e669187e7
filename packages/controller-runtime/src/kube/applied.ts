import { isJsonEqual, isJsonObject } from './json.ts';
import type { FieldsV1, KubeObject, ManagedFieldsEntry } from './object.ts';
import { isSameQuantity } from './quantity.ts';

/**
 * Answers "would applying this change anything?" without asking the API server, so that a reconcile of an unchanged
 * object writes nothing. It reads what this manager applied last from `metadata.managedFields`, so it needs no schema
 * and holds for every kind and on every API server:
 *   - each field recorded there must be in `desired` (else the apply would remove it), with the observed value;
 *   - each field in `desired` must be recorded there (else the apply would add it, or take ownership).
 * Deliberately left out: normalizations by the API server other than of quantities. A builder that writes a form which
 * the server rewrites causes one write a resync, which the tests of builders show.
 */
export type AppliedOptions = {
  /** Whose apply it would be. */
  readonly manager: string;
  /** What was applied: the object itself, or its status. */
  readonly subresource?: 'status';
};

/** Whether `apply` (or `patchStatus`) of `desired` by this manager would leave `observed` as it is. */
export function isApplied(desired: KubeObject, observed: KubeObject, options: AppliedOptions): boolean {
  const entry = findEntry(observed.metadata.managedFields ?? [], options);
  if (entry === undefined) return false;
  return isNodeApplied(entry.fieldsV1, selectConfig(desired, options.subresource), observed, false);
}

/** The same of one field: whether applying `desired` at a path would leave what stands there as it is. */
export function isAppliedAt(
  path: readonly string[],
  desired: unknown,
  observed: KubeObject,
  options: AppliedOptions,
): boolean {
  const { node, value } = descend(path, observed, options);
  return node !== undefined && isNodeApplied(node, desired, value, false);
}

/**
 * What this manager applied last at a path, with the values that stand there now: applied again it changes nothing, and
 * takes nothing that others own. Undefined where the manager applied nothing there.
 */
export function extractAppliedAt(path: readonly string[], observed: KubeObject, options: AppliedOptions): unknown {
  const { node, value } = descend(path, observed, options);
  return node === undefined || value === undefined ? undefined : extractNode(node, value);
}

function descend(path: readonly string[], observed: KubeObject, options: AppliedOptions) {
  const entry = findEntry(observed.metadata.managedFields ?? [], options);
  let [node, value]: [FieldsV1 | undefined, unknown] = [entry?.fieldsV1, observed];
  for (const name of path) {
    node = node?.[`f:${name}`];
    value = isJsonObject(value) ? value[name] : undefined;
  }
  return { node, value };
}

function extractNode(node: FieldsV1, observed: unknown): unknown {
  const elements = Object.keys(node).filter((element) => element !== '.');
  if (elements.length === 0) return observed;
  if (Array.isArray(observed)) return observed.flatMap((item: unknown) => extractItem(node, elements, item));
  if (!isJsonObject(observed)) return observed;
  const fields = elements.map((element) => [element.slice(2), node[element] ?? {}] as const);
  return Object.fromEntries(
    fields.flatMap(([name, child]) =>
      observed[name] === undefined ? [] : [[name, extractNode(child, observed[name])]],
    ),
  );
}

/** In the order of the object; nothing of an item that others added. */
function extractItem(node: FieldsV1, elements: readonly string[], item: unknown): readonly unknown[] {
  const element = elements.find((one) => isElementOf(one, item));
  return element === undefined ? [] : [extractNode(node[element] ?? {}, item)];
}

function isElementOf(element: string, item: unknown): boolean {
  const value: unknown = JSON.parse(element.slice(2));
  if (element.startsWith('v:')) return isJsonEqual(item, value);
  return isJsonObject(item) && isJsonObject(value) && hasKey(item, value);
}

function findEntry(entries: readonly ManagedFieldsEntry[], options: AppliedOptions): ManagedFieldsEntry | undefined {
  const { manager, subresource } = options;
  return entries.find((e) => e.manager === manager && e.operation === 'Apply' && e.subresource === subresource);
}

/** Identity is not owned by anyone, and each endpoint ignores what belongs to the other. */
function selectConfig(desired: KubeObject, subresource: 'status' | undefined): Readonly<Record<string, unknown>> {
  if (subresource === 'status') return 'status' in desired ? { status: desired.status } : {};
  const { apiVersion: _v, kind: _k, metadata, ...rest } = desired;
  const { name: _n, namespace: _s, resourceVersion: _r, uid: _u, ...owned } = metadata;
  const { status: _status, ...spec } = rest as Readonly<Record<string, unknown>>; // a kind may have one
  return Object.keys(owned).length === 0 ? spec : { ...spec, metadata: owned };
}

function isNodeApplied(node: FieldsV1, desired: unknown, observed: unknown, isAmount: boolean): boolean {
  const elements = Object.keys(node).filter((element) => element !== '.');
  if (elements.length === 0) return isLeafApplied(desired, observed, isAmount);
  if (Array.isArray(desired)) return Array.isArray(observed) && isListApplied(node, elements, desired, observed);
  if (!isJsonObject(desired) || !isJsonObject(observed)) return false;
  return isMapApplied(node, elements, desired, observed, isAmount);
}

/**
 * A leaf holds at least what is desired: defaults may have filled in more below it. Had anyone else written it, the
 * API server would have taken the path from this manager's record.
 */
function isLeafApplied(desired: unknown, observed: unknown, isAmount: boolean): boolean {
  if (Array.isArray(desired)) {
    return (
      Array.isArray(observed) &&
      desired.length === observed.length &&
      desired.every((item, i) => isLeafApplied(item, observed[i], isAmount))
    );
  }
  if (!isJsonObject(desired)) return isJsonEqual(desired, observed) || (isAmount && isSameQuantity(desired, observed));
  if (!isJsonObject(observed)) return false;
  return Object.entries(desired).every(
    ([name, value]) => value === undefined || isLeafApplied(value, observed[name], isAmount || amountFields.has(name)),
  );
}

type Fields = Readonly<Record<string, unknown>>;

function isMapApplied(
  node: FieldsV1,
  elements: readonly string[],
  desired: Fields,
  observed: Fields,
  isAmount: boolean,
): boolean {
  const names = Object.keys(desired).filter((name) => isDesired(desired[name], node[`f:${name}`]));
  if (names.length !== elements.length) return false;
  return names.every((name) => {
    const child = node[`f:${name}`];
    return (
      child !== undefined && isNodeApplied(child, desired[name], observed[name], isAmount || amountFields.has(name))
    );
  });
}

/** An absent value is no desire; an empty keyed list owns no path, so it is not recorded. */
function isDesired(value: unknown, recorded: FieldsV1 | undefined): boolean {
  if (value === undefined || value === null) return false;
  return recorded !== undefined || !Array.isArray(value) || value.length > 0;
}

/** Maps whose values are quantities, by the name of the field that holds them. */
const amountFields: ReadonlySet<string> = new Set([
  'requests',
  'limits',
  'hard',
  'default',
  'defaultRequest',
  'max',
  'min',
  'sizeLimit',
  'capacity',
  'divisor',
]);

function isListApplied(
  node: FieldsV1,
  elements: readonly string[],
  desired: readonly unknown[],
  observed: readonly unknown[],
): boolean {
  if (elements.length !== desired.length) return false;
  return elements.every((element) => isItemApplied(element, node[element] ?? {}, desired, observed));
}

function isItemApplied(
  element: string,
  node: FieldsV1,
  desired: readonly unknown[],
  observed: readonly unknown[],
): boolean {
  const kind = element.slice(0, 2);
  const value: unknown = JSON.parse(element.slice(2));
  if (kind === 'v:') return includesJson(desired, value) && includesJson(observed, value);
  if (kind !== 'k:' || !isJsonObject(value)) return false;
  const wanted = desired.find((item) => isJsonObject(item) && mayHaveKey(item, value));
  const found = observed.find((item) => isJsonObject(item) && hasKey(item, value));
  return wanted !== undefined && found !== undefined && isNodeApplied(node, wanted, found, false);
}

/** A key that is absent from what is desired was filled by a default (a port's protocol). */
function mayHaveKey(item: Fields, key: Fields): boolean {
  return Object.keys(key).every((name) => item[name] === undefined || isJsonEqual(item[name], key[name]));
}

function hasKey(item: Fields, key: Fields): boolean {
  return Object.keys(key).every((name) => isJsonEqual(item[name], key[name]));
}

function includesJson(list: readonly unknown[], value: unknown): boolean {
  return list.some((item) => isJsonEqual(item, value));
}
