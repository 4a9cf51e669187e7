import type { HybridStoreError } from '@hybridstore/runtime';
import { causesOf, type StatusCause } from '../kube/errors.ts';
import { isJsonEqual, isJsonObject } from '../kube/json.ts';
import type { KubeObject } from '../kube/object.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The one case in which a field of another manager gives way: the API server refuses our forced apply because of it.
 *
 *   stored, after somebody edited the number of our port   ports: [{ name: http, port: 9000 }]
 *   our apply laid over it                                 ports: [{ name: http, port: 9000 }, { name: http, port: 8000 }]
 *   refused                                                spec.ports[1].name: Duplicate value
 *
 * The number is the key of the list, so editing it took our entry away and added one of theirs, which no apply of ours
 * can touch. But its name is a field that we name, and a forced apply takes back what we name. So in the list that the
 * API server complains of, an entry that wears the name of ours and differs from it becomes ours again: a port of another
 * number, a variable with `value` set where ours has `valueFrom`. And a field that is forbidden beside ours
 * (`rollingUpdate` beside the strategy `Recreate`) goes. Nothing else is touched, and any other refusal stays an error.
 *
 * Left out: the patch is recorded as an update of ours, so what such an entry holds and a later version no longer names
 * stays until somebody removes it.
 *
 * A JSON merge patch; undefined when nothing would change.
 */
export function buildTakeover(
  desired: KubeObject,
  observed: KubeObject,
  refusal: HybridStoreError,
): Fields | undefined {
  const next = causesOf(refusal).reduce<unknown>(
    (object, cause) => yieldTo(desired, object, refusedBy(cause)),
    observed,
  );
  const stored = observed as unknown as Fields; // an object is its fields, and yieldTo gives an object for one
  const changes = Object.entries(next as Fields).filter(([name, value]) => !isJsonEqual(stored[name], value));
  return changes.length === 0 ? undefined : Object.fromEntries(changes);
}

type Refused = {
  /** Names from the root, without positions in lists: those are of the refused object, not of the stored one. */
  readonly path: readonly string[];
  readonly reason: string | undefined;
};

function refusedBy({ field = '', reason }: StatusCause): Refused {
  return { path: field.replaceAll(/\[\d+\]/g, '').split('.'), reason };
}

function yieldTo(desired: unknown, observed: unknown, refused: Refused): unknown {
  const [name = '', ...rest] = refused.path;
  if (Array.isArray(observed) && Array.isArray(desired))
    return observed.map((item: unknown) => yieldItem(desired, item, refused));
  if (!isJsonObject(observed) || !isJsonObject(desired) || observed[name] === undefined) return observed;
  if (rest.length > 0)
    return { ...observed, [name]: yieldTo(desired[name], observed[name], { ...refused, path: rest }) };
  const isInTheWay = refused.reason === 'FieldValueForbidden' && desired[name] === undefined;
  return isInTheWay ? { ...observed, [name]: null } : observed;
}

/** Entries are the same by the field of which there may be one only; of others by their name, as built-in kinds are keyed. */
function yieldItem(desired: readonly unknown[], item: unknown, refused: Refused): unknown {
  const [name = '', ...rest] = refused.path;
  const unique = rest.length === 0 && refused.reason === 'FieldValueDuplicate' ? name : 'name';
  const ours = desired.find((other) => holdsSame(other, item, unique));
  if (!isJsonObject(ours) || !isJsonObject(item)) return item;
  if (rest.length > 0) return yieldTo(ours, item, refused);
  return Object.keys(ours).every((field) => holdsSame(ours, item, field)) ? item : ours;
}

function holdsSame(left: unknown, right: unknown, name: string): boolean {
  return isJsonObject(left) && isJsonObject(right) && left[name] !== undefined && isJsonEqual(left[name], right[name]);
}
