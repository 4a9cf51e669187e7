import { canonicalJson, isJsonObject, type Json, type JsonObject, kubeError } from '@hybridstore/controller-runtime';
import { anySchema, type Schema, schemaOfField } from '../schema/schema.ts';

/**
 * Strategic merge patch: a patch that knows which lists are maps by a key, and says in directives what a merge cannot.
 *
 *   $patch: delete | replace            of a map, or as an item of a list with its key
 *   $retainKeys: [a, b]                 the fields of a map that stay
 *   $deleteFromPrimitiveList/x: [a]     items taken out of the list x
 *   $setElementOrder/x: [{name: a}]     the order of the list x; items that only the server knows stay beside their neighbours
 *
 * Source: apimachinery pkg/util/strategicpatch/patch.go, v0.35. The real server answers some bad patches with 500; here
 * each is a bad request that names the field.
 */
const directive = '$patch';
const retainKeys = '$retainKeys';
const deleteFromList = '$deleteFromPrimitiveList/';
const setElementOrder = '$setElementOrder/';

/** Far above any object that is written by hand or by kubectl. */
const patchDepthMax = 64;

/** The object as the patch leaves it; neither argument is changed. Throws `invalid_request` naming the field. */
export function applyStrategicMergePatch(schema: Schema, live: JsonObject, patch: JsonObject): JsonObject {
  return mergeMap({ schema, path: '', depth: 0 }, live, patch);
}

/** Where in the object a step of the merge stands. */
type Place = { readonly schema: Schema; readonly path: string; readonly depth: number };

function mergeMap(place: Place, live: JsonObject, patch: JsonObject): JsonObject {
  if (place.depth > patchDepthMax) throw badPatch(place.path, `deeper than ${patchDepthMax} levels`);
  if (directive in patch) return replaceMap(place, patch);
  const kept = keepNamed(place, live, patch);
  const { changes, orders } = splitOrders(place, patch);
  const merged = new Map(Object.entries(kept));
  for (const [name, value] of Object.entries(changes))
    mergeField(place, merged, { name, value, order: orders.get(name) });
  for (const [name, order] of orders) {
    const list = merged.get(name);
    if (Array.isArray(list) && !Object.hasOwn(changes, name))
      merged.set(name, orderList(fieldPlace(place, name), { list, order, server: list }));
  }
  return Object.fromEntries(merged);
}

function replaceMap({ path, schema, depth }: Place, { [directive]: action, ...rest }: JsonObject): JsonObject {
  if (action === 'replace') return dropDirectives({ path, schema, depth: depth + 1 }, rest);
  if (action === 'delete') return {};
  throw badPatch(join(path, directive), `unknown patch type: expected "delete" or "replace", got ${describe(action)}`);
}

/** What is written where nothing was: directives say what to do and are never stored. */
function dropDirectives(place: Place, value: JsonObject): JsonObject {
  return mergeMap(place, {}, value);
}

function keepNamed({ path }: Place, live: JsonObject, patch: JsonObject): JsonObject {
  const names = patch[retainKeys];
  if (names === undefined) return live;
  const where = join(path, retainKeys);
  if (!isTexts(names))
    throw badPatch(where, `invalid patch format of retainKeys: expected a list of field names, got ${describe(names)}`);
  const kept = new Set(names);
  const foreign = Object.entries(patch).find(
    ([name, value]) => value !== null && !name.startsWith('$') && !kept.has(name),
  );
  if (foreign !== undefined)
    throw badPatch(
      where,
      `invalid patch format of retainKeys: the patch sets ${describe(foreign[0])}, which is not retained`,
    );
  return Object.fromEntries(Object.entries(live).filter(([name]) => kept.has(name)));
}

type Orders = ReadonlyMap<string, readonly Json[]>;

function splitOrders({ path }: Place, patch: JsonObject): { readonly changes: JsonObject; readonly orders: Orders } {
  const orders = new Map<string, readonly Json[]>();
  const changes = new Map<string, Json>();
  for (const [name, value] of Object.entries(patch)) {
    if (name === retainKeys) continue;
    if (!name.startsWith(setElementOrder)) changes.set(name, value);
    else if (Array.isArray(value)) orders.set(name.slice(setElementOrder.length), value);
    else
      throw badPatch(
        join(path, name),
        `invalid patch format of setElementOrder list: expected a list, got ${describe(value)}`,
      );
  }
  return { changes: Object.fromEntries(changes), orders };
}

type FieldChange = { readonly name: string; readonly value: Json; readonly order: readonly Json[] | undefined };

function mergeField(place: Place, merged: Map<string, Json>, { name, value, order }: FieldChange): void {
  if (name.startsWith(deleteFromList)) {
    removeItems(place, merged, { name, value });
    return;
  }
  const field = fieldPlace(place, name);
  const before = merged.get(name);
  if (value === null) merged.delete(name);
  else if (Array.isArray(value))
    merged.set(name, mergeList(field, Array.isArray(before) ? before : [], { items: value, order }));
  else if (isJsonObject(value)) {
    const next = mergeObject(field, before, value);
    // What is to be replaced or deleted has to be there: else the real server leaves the field away.
    if (before !== undefined || !(directive in value)) merged.set(name, next);
  } else merged.set(name, value);
}

function mergeObject(place: Place, before: Json | undefined, value: JsonObject): JsonObject {
  const isReplaced = !isJsonObject(before) || hasStrategy(place.schema, 'replace');
  return mergeMap(place, isReplaced ? {} : before, value);
}

function removeItems(place: Place, merged: Map<string, Json>, { name, value }: Omit<FieldChange, 'order'>): void {
  if (!Array.isArray(value) || value.some(isJsonObject))
    throw badPatch(
      join(place.path, name),
      `invalid patch format of primitive list: expected a list of values, got ${describe(value)}`,
    );
  const field = name.slice(deleteFromList.length);
  const before = merged.get(field);
  const gone = new Set(value);
  if (Array.isArray(before))
    merged.set(
      field,
      before.filter((item) => !gone.has(item)),
    );
}

type ListChange = { readonly items: readonly Json[]; readonly order: readonly Json[] | undefined };

function mergeList(place: Place, live: readonly Json[], { items, order }: ListChange): readonly Json[] {
  const { schema, path } = place;
  if (!hasStrategy(schema, 'merge'))
    return items.map((item) => (isJsonObject(item) ? dropDirectives(itemPlace(place), item) : item));
  const key = schema['x-kubernetes-patch-merge-key'];
  if (order !== undefined) assertOrderNames(place, items, order);
  if (key === undefined)
    return orderList(place, { list: uniqueItems([...live, ...items]), order: order ?? items, server: live });
  const keyed = items.map((item) => requireMap(path, item));
  if (keyed.some((item) => item[directive] === 'replace')) {
    return keyed
      .filter((item) => item[directive] !== 'replace')
      .map((item) => dropDirectives(itemPlace(place), requireKey(path, item, key)));
  }
  const [deleted, changed] = partition(
    keyed.map((item) => requireKey(path, item, key)),
    (item) => isDeletion(place, item),
  );
  // What is deleted goes first, so that an item of the same key may come anew.
  const goes = ranksOf(deleted, key);
  const kept = live.filter((item) => !isJsonObject(item) || !goes.has(textOf(item, key)));
  const list = mergeItems(place, key, kept, changed);
  return orderList(place, order === undefined ? { list, order: changed, server: kept } : { list, order, server: live });
}

function mergeItems(place: Place, key: string, live: readonly Json[], items: readonly JsonObject[]): readonly Json[] {
  const list = [...live];
  const places = ranksOf(list, key);
  for (const { [directive]: _merge, ...change } of items) {
    const text = textOf(change, key);
    const at = places.get(text);
    if (at !== undefined) {
      list[at] = mergeObject(itemPlace(place), list[at], change);
      continue;
    }
    places.set(text, list.length);
    list.push(dropDirectives(itemPlace(place), change));
  }
  return list;
}

function isDeletion({ path }: Place, { [directive]: action }: JsonObject): boolean {
  if (action === undefined || action === 'merge' || action === 'delete') return action === 'delete';
  throw badPatch(join(path, directive), `unknown patch type: expected "delete" or "replace", got ${describe(action)}`);
}

type ListOrder = { readonly list: readonly Json[]; readonly order: readonly Json[]; readonly server: readonly Json[] };

/**
 * Items that the order names stand in that order; the others keep their places among those that were there before: before
 * the first that stood behind them, or at the end.
 */
function orderList({ schema }: Place, { list, order, server }: ListOrder): readonly Json[] {
  const key = schema['x-kubernetes-patch-merge-key'];
  const [orderRanks, serverRanks] = [ranksOf(order, key), ranksOf(server, key)];
  const rankIn = (ranks: Ranks, item: Json | undefined) =>
    item === undefined ? -1 : (ranks.get(textOf(item, key)) ?? -1);
  const sortBy = (items: readonly Json[], ranks: Ranks) =>
    items.toSorted((a, b) => rankIn(ranks, a) - rankIn(ranks, b));
  const [inOrder, beside] = partition(list, (item) => rankIn(orderRanks, item) >= 0);
  const [named, others] = [sortBy(inOrder, orderRanks), sortBy(beside, serverRanks)];
  const ordered: Json[] = [];
  let next = 0;
  for (const item of named) {
    const rank = rankIn(serverRanks, item);
    while (next < others.length && rankIn(serverRanks, others[next]) < rank) {
      ordered.push(others[next] ?? null);
      next += 1;
    }
    ordered.push(item);
  }
  return [...ordered, ...others.slice(next)];
}

/** What is not deleted stands in the patch in the order that it asks for. */
function assertOrderNames({ schema, path }: Place, items: readonly Json[], order: readonly Json[]): void {
  const key = schema['x-kubernetes-patch-merge-key'];
  const ranks = ranksOf(order, key);
  let last = -1;
  for (const item of items) {
    if (isJsonObject(item) && directive in item) continue;
    const rank = ranks.get(textOf(item, key)) ?? -1;
    const problem = 'the order in the patch list does not match the setElementOrder list';
    if (rank < 0) throw badPatch(path, `${problem}: it lacks ${describe(keyOf(item, key))}`);
    if (rank <= last) throw badPatch(path, `${problem}: ${describe(keyOf(item, key))} stands elsewhere in it`);
    last = rank;
  }
}

/** Where in a list the first item of each key stands: lists of patches are long when somebody wants it. */
type Ranks = ReadonlyMap<string, number>;

function ranksOf(items: readonly Json[], key: string | undefined): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const [at, item] of items.entries()) {
    const text = textOf(item, key);
    if (!ranks.has(text)) ranks.set(text, at);
  }
  return ranks;
}

function textOf(item: Json, key: string | undefined): string {
  return canonicalJson(keyOf(item, key));
}

function keyOf(item: Json, key: string | undefined): Json {
  return key !== undefined && isJsonObject(item) ? (item[key] ?? null) : item;
}

function uniqueItems(items: readonly Json[]): readonly Json[] {
  const first = ranksOf(items, undefined);
  return items.filter((item, at) => first.get(textOf(item, undefined)) === at);
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): readonly [T[], T[]] {
  const { first = [], second = [] } = Object.groupBy(items, (item) => (isFirst(item) ? 'first' : 'second'));
  return [first, second];
}

function requireMap(path: string, item: Json): JsonObject {
  if (isJsonObject(item)) return item;
  throw badPatch(path, `expected a list of objects, got ${describe(item)}`);
}

function requireKey(path: string, item: JsonObject, key: string): JsonObject {
  if (item[key] !== undefined && item[key] !== null) return item;
  throw badPatch(path, `map: ${describe(item)} does not contain declared merge key: ${key}`);
}

function hasStrategy(schema: Schema, strategy: 'merge' | 'replace'): boolean {
  return schema['x-kubernetes-patch-strategy'] === strategy;
}

function fieldPlace({ schema, path, depth }: Place, name: string): Place {
  return { schema: schemaOfField(schema, name) ?? anySchema, path: join(path, name), depth: depth + 1 };
}

function itemPlace({ schema, path, depth }: Place): Place {
  return { schema: schema.items ?? anySchema, path: `${path}[]`, depth: depth + 1 };
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function isTexts(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function describe(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function badPatch(path: string, problem: string) {
  return kubeError({ reason: 'BadRequest', message: `the strategic merge patch is not valid: ${path}: ${problem}` });
}
