import { isJsonEqual, isJsonObject } from './json.ts';
import type { FieldsV1, KubeObject, ManagedFieldsEntry } from './object.ts';
import { defaultFieldManager } from './port.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Finds what others have added to an object that is the operator's: a second port, an environment variable, `hostNetwork`.
 * Server-side apply leaves such fields to whoever wrote them, and an edited port is a foreign entry beside ours, which the
 * API server may even refuse for having our port's name. `metadata.managedFields` tells who wrote what, so this needs no
 * schema and holds for every kind:
 *
 *   foreign = fields that another manager's record names − fields that `desired` names
 *
 * Deliberately left alone: metadata at every level (labels, annotations, a restart's mark), the status, and whatever
 * Kubernetes' own controllers write. A volume claim's spec belongs to the binder as well: the caller leaves claims out.
 *
 * A JSON merge patch.
 */
export type ForeignRemoval = Fields;

/** The merge patch that takes the foreign fields away, and lays ours in their place; undefined when there are none. */
export function buildForeignRemoval(desired: KubeObject, observed: KubeObject): ForeignRemoval | undefined {
  const entries = (observed.metadata.managedFields ?? []).filter(isJudged);
  const cleaned = entries.reduce<unknown>((rest, { fieldsV1, manager }) => {
    const record = onlyWished(fieldsV1, desired as unknown as Fields);
    return withoutForeign(record, desired, rest, manager === defaultFieldManager);
  }, observed);
  return cleaned === observed ? undefined : buildPatch(observed as unknown as Fields, cleaned as Fields);
}

/** What the operator does not name at all (`imagePullSecrets` of an account) is not its business. */
function onlyWished(record: FieldsV1, desired: Fields): FieldsV1 {
  return Object.fromEntries(Object.entries(record).filter(([element]) => isWished(desired[element.slice(2)])));
}

function isJudged({ manager, operation, subresource }: ManagedFieldsEntry): boolean {
  const isApplied = manager === defaultFieldManager && operation === 'Apply';
  return !isApplied && subresource === undefined && !manager.startsWith('kube-');
}

/**
 * The very value when nothing in it is foreign. A field that is not there any more is nobody's. Of a former removal's own
 * record (`isOurs`) items count and fields do not: a default that came back for what was removed stands there as ours.
 */
function withoutForeign(record: FieldsV1, desired: unknown, observed: unknown, isOurs: boolean): unknown {
  if (Array.isArray(observed))
    return Array.isArray(desired) ? listWithoutForeign(record, desired, observed, isOurs) : observed;
  if (!isJsonObject(observed) || !isJsonObject(desired)) return observed;
  let cleaned: Record<string, unknown> | undefined;
  for (const [element, below] of Object.entries(record)) {
    const name = element.slice(2);
    if (!element.startsWith('f:') || untouched.has(name) || observed[name] === undefined) continue;
    if (isOurs && !isWished(desired[name])) continue;
    const next = isWished(desired[name]) ? withoutForeign(below, desired[name], observed[name], isOurs) : undefined;
    if (next === observed[name]) continue;
    cleaned ??= { ...observed };
    if (next === undefined) delete cleaned[name];
    else cleaned[name] = next;
  }
  return cleaned ?? observed;
}

const untouched: ReadonlySet<string> = new Set(['metadata', 'status', 'apiVersion', 'kind']);

function isWished(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Lists without keys belong to one manager as a whole: applying takes them back. */
function listWithoutForeign(
  record: FieldsV1,
  desired: readonly unknown[],
  observed: readonly unknown[],
  isOurs: boolean,
): unknown {
  const entries = Object.entries(record).flatMap(([element, below]) => readEntry(element, below));
  const cleaned = observed.flatMap((item) => {
    const entry = entries.find(({ key }) => hasKey(item, key));
    if (entry === undefined) return [item];
    const wanted = desired.find((other) => mayHaveKey(other, entry.key));
    return wanted === undefined ? [] : [withoutForeign(entry.below, wanted, item, isOurs)];
  });
  if (cleaned.length === observed.length && cleaned.every((item, index) => item === observed[index])) return observed;
  if (cleaned.length === observed.length) return cleaned;
  // What was edited away comes back in the same write: a Service may not be without a port for a moment.
  const keys = entries.map(({ key }) => (isJsonObject(key) ? Object.keys(key) : []));
  return [...cleaned, ...desired.filter((item) => !cleaned.some((other) => isSameItem(item, other, keys)))];
}

type Entry = { readonly key: unknown; readonly below: FieldsV1 };

function readEntry(element: string, below: FieldsV1): readonly Entry[] {
  const kind = element.slice(0, 2);
  return kind === 'k:' || kind === 'v:' ? [{ key: JSON.parse(element.slice(2)) as unknown, below }] : [];
}

function hasKey(item: unknown, key: unknown): boolean {
  if (!isJsonObject(key) || !isJsonObject(item)) return isJsonEqual(item, key);
  return Object.keys(key).every((name) => isJsonEqual(item[name], key[name]));
}

/** A key that is absent from the wish was filled by a default (a port's protocol). */
function mayHaveKey(item: unknown, key: unknown): boolean {
  if (!isJsonObject(key) || !isJsonObject(item)) return isJsonEqual(item, key);
  return Object.keys(key).every((name) => item[name] === undefined || isJsonEqual(item[name], key[name]));
}

function isSameItem(wanted: unknown, other: unknown, keys: readonly (readonly string[])[]): boolean {
  if (!isJsonObject(wanted) || !isJsonObject(other)) return isJsonEqual(wanted, other);
  const names = keys[0] ?? [];
  return names.every((name) => wanted[name] === undefined || isJsonEqual(wanted[name], other[name]));
}

/** Lists are replaced whole, as merge patches do; a field that went is null. */
function buildPatch(before: Fields, after: Fields): Fields {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changes = [...names].flatMap((name): readonly (readonly [string, unknown])[] => {
    const [old, next] = [before[name], after[name]];
    if (old === next) return [];
    if (next === undefined) return [[name, null]];
    return [[name, isJsonObject(old) && isJsonObject(next) ? buildPatch(old, next) : next]];
  });
  return Object.fromEntries(changes);
}
