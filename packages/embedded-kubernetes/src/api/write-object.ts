import type { KubeObject, ManagedFieldsEntry, ObjectMeta, Stored } from '@hybridstore/controller-runtime';
import {
  isJsonEqual,
  isJsonObject,
  type Json,
  type JsonObject,
  kubeError,
  parseApiVersion,
  type StatusCause,
} from '@hybridstore/controller-runtime';
import type { HybridStoreError } from '@hybridstore/runtime';
import {
  applyConfig,
  areManagersEqual,
  type FieldConflict,
  formatManagedFields,
  type ManagedSet,
  type Manager,
  parseManagedFields,
  trackUpdate,
} from '../apply/server-side-apply.ts';
import { type Duplicate, describeDuplicate, findDuplicates } from '../schema/duplicates.ts';
import { type FieldError, invalidObject } from '../schema/field-error.ts';
import {
  findMissingFields,
  findShapeProblems,
  markSettled,
  type ShapeProblem,
  withDefaults,
  withoutNulls,
} from '../schema/shape.ts';
import type { Kind } from './kind.ts';
import { validateObjectMeta } from './object-meta.ts';

/**
 * From what a caller sent to what is stored: shape → system metadata → defaults → validation → who owns which field.
 * Pure: the caller (api-server.ts) reads the live object before and stores the result after, in one turn of the event
 * loop, so that no two writes interleave.
 */
export type WriteRequest = {
  readonly kind: Kind;
  readonly writer: Manager;
  /** RFC 3339. */
  readonly time: string;
  readonly subresource?: 'status';
};

/** Any JSON object of a kind: the store holds JSON, types are the caller's. */
type Fields = KubeObject & Readonly<Record<string, unknown>>;

/** A stored object has more fields than the type of every object knows. */
function fieldsOf(object: KubeObject): Fields {
  return object as Fields; // see above
}

/** A new object under a given name and uid. Throws `invalid_request`. */
export function buildCreated(request: WriteRequest, input: KubeObject, uid: string): KubeObject {
  assertShape(request.kind, input);
  return finishCreated(request, decode(request.kind, input), uid, (object) =>
    trackUpdate(contextOf(request), undefined, ownable(object), []),
  );
}

/** A new object from an apply. */
export function buildApplied(request: WriteRequest, config: KubeObject, uid: string): KubeObject {
  const desired = readConfig(request, config);
  const result = applyConfig(contextOf(request), undefined, desired, []);
  const input = {
    ...result.object,
    ...identityOf(config),
    metadata: { ...metadataOf(result.object), ...nameOf(config) },
  };
  return finishCreated(request, input, uid, () => result.managers);
}

function finishCreated(
  { kind, time }: WriteRequest,
  input: KubeObject,
  uid: string,
  findManagers: (object: KubeObject) => readonly ManagedSet[],
): KubeObject {
  const { status, ...rest } = fieldsOf(input);
  const metadata = {
    ...withoutSystemFields(input.metadata),
    uid,
    creationTimestamp: time,
    ...(kind.hasGeneration ? { generation: 1 } : {}),
  };
  const kept = { ...rest, metadata, ...(kind.hasStatus || status === undefined ? {} : { status }) };
  const object = complete(kind, kept, undefined);
  assertValid(kind, object, undefined);
  return withManagers(object, findManagers(object));
}

/** The next state of an object by update or patch; undefined when nothing changes. Throws `invalid_request`. */
export function buildUpdated(
  request: WriteRequest,
  live: Stored<KubeObject>,
  input: KubeObject,
): KubeObject | undefined {
  assertShape(request.kind, input);
  const object = finishUpdated(request, live, decode(request.kind, input));
  const before = managersBefore(request, live, input);
  return settle(live, object, trackUpdate(contextOf(request), ownable(live), ownable(object), before));
}

/**
 * Who owned what, by the writer's word if it gives one: kubectl hands over in this way what it applied itself to what the
 * server applies for it. One empty entry takes everything from everybody; what cannot be read, or is empty, says nothing.
 * Source: apimachinery managedfields/internal/fieldmanager.go decodeLiveOrNew.
 */
function managersBefore(
  { subresource }: WriteRequest,
  live: Stored<KubeObject>,
  { metadata: { managedFields: sent } }: KubeObject,
): readonly ManagedSet[] {
  if (
    subresource !== undefined ||
    sent === undefined ||
    sent === null ||
    isJsonEqual(sent, live.metadata.managedFields)
  )
    return managersOf(live);
  const [first] = sent;
  if (sent.length === 1 && isJsonObject(first) && Object.keys(first).length === 0) return [];
  return sent.length > 0 && sent.every(isReadable) ? parseManagedFields(sent) : managersOf(live);
}

/** What a client sends may hold anything. */
function isReadable(entry: unknown): boolean {
  if (!isJsonObject(entry)) return false;
  const { manager, operation, apiVersion, fieldsV1 } = entry;
  const isKnown = operation === 'Apply' || operation === 'Update';
  return isKnown && typeof manager === 'string' && typeof apiVersion === 'string' && isFieldTree(fieldsV1);
}

function isFieldTree(value: unknown): boolean {
  return isJsonObject(value) && Object.values(value).every(isFieldTree);
}

/** The next state of an object by server-side apply; undefined when nothing changes. Throws `conflict` unless forced. */
export function buildReapplied(
  request: WriteRequest,
  live: Stored<KubeObject>,
  config: KubeObject,
  isForced: boolean,
): KubeObject | undefined {
  const desired = readConfig(request, config);
  const result = applyConfig(contextOf(request), ownable(live), desired, managersOf(live));
  if (result.conflicts.length > 0 && !isForced) throw applyConflict(result.conflicts);
  const input = {
    ...result.object,
    ...identityOf(live),
    metadata: { ...metadataOf(result.object), ...nameOf(live) },
  };
  return settle(live, finishUpdated(request, live, input), result.managers);
}

function finishUpdated({ kind, subresource }: WriteRequest, live: Stored<KubeObject>, input: KubeObject): KubeObject {
  const merged = subresource === 'status' ? withStatusOf(fieldsOf(live), input) : withSpecOf(kind, live, input);
  const object = complete(kind, merged, live);
  const next = withGeneration(kind, live, object);
  assertValid(kind, next, live);
  return next;
}

/** A status write changes nothing else. */
function withStatusOf(live: Fields, input: KubeObject): KubeObject {
  const { status: _status, metadata, ...rest } = live;
  const { status } = fieldsOf(input);
  const kept = { ...rest, metadata: withoutManagers(metadata) };
  return { ...kept, ...(status === undefined ? {} : { status }) };
}

/** Who manages what is found out apart from the object, and laid on at the end. */
function withoutManagers({ managedFields: _managers, ...metadata }: ObjectMeta): ObjectMeta {
  return metadata;
}

/** What the system wrote stays as it is, whatever the caller sent. */
function withSpecOf(kind: Kind, live: Stored<KubeObject>, input: KubeObject): KubeObject {
  const { status: sent, ...rest } = fieldsOf(input);
  const status = kind.hasStatus ? fieldsOf(live).status : sent;
  const metadata = { ...withoutSystemFields(input.metadata), ...withoutManagers(systemFieldsOf(live.metadata)) };
  return { ...rest, metadata, ...(status === undefined ? {} : { status }) };
}

function withGeneration(kind: Kind, live: Stored<KubeObject>, object: KubeObject): KubeObject {
  if (!kind.hasGeneration || isJsonEqual(desiredPart(kind, live), desiredPart(kind, object))) return object;
  return { ...object, metadata: { ...object.metadata, generation: (live.metadata.generation ?? 0) + 1 } };
}

function desiredPart(kind: Kind, object: KubeObject): JsonObject {
  const { metadata, status, ...desired } = fieldsOf(object);
  const { annotations = {} } = kind.countsAnnotations ? metadata : {};
  const counted = { ...desired, annotations };
  return (kind.hasStatus || status === undefined ? counted : { ...counted, status }) as unknown as JsonObject; // stored JSON
}

function settle(live: Stored<KubeObject>, object: KubeObject, managers: readonly ManagedSet[]): KubeObject | undefined {
  if (areManagersEqual(managersOf(live), managers) && isSameObject(live, object)) return undefined;
  return withManagers(object, managers);
}

function isSameObject(live: KubeObject, object: KubeObject): boolean {
  const { resourceVersion: _r, managedFields: _m, ...before } = live.metadata;
  const { resourceVersion: _s, managedFields: _n, ...after } = object.metadata;
  return isJsonEqual({ ...live, metadata: before }, { ...object, metadata: after });
}

/** What a reader of the request makes of nulls. */
function decode(kind: Kind, input: KubeObject): KubeObject {
  return withoutNulls(kind.schema, input as unknown as Json) as unknown as KubeObject; // a map stays a map
}

function complete(kind: Kind, sent: KubeObject, old: KubeObject | undefined): KubeObject {
  // Built-in kinds are typed, and their types know no null. What is null in a custom object is judged as such.
  const object = kind.isCustom ? sent : decode(kind, sent);
  const filled = withDefaults(kind.schema, object as unknown as Json) as unknown as KubeObject; // a map stays a map
  return kind.rules?.prepare?.(filled, old) ?? filled;
}

const systemFields = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
];

function withoutSystemFields(metadata: ObjectMeta): ObjectMeta {
  return Object.fromEntries(
    Object.entries(metadata).filter(
      ([name, value]) => !systemFields.includes(name) && value !== null && !isEmptyField(name, value),
    ),
  );
}

/** Source: `omitempty` of metav1.ObjectMeta. */
const omittedIfEmpty = ['labels', 'annotations', 'finalizers', 'ownerReferences'];

function isEmptyField(name: string, value: unknown): boolean {
  return omittedIfEmpty.includes(name) && Object.keys(value ?? {}).length === 0;
}

function systemFieldsOf(metadata: ObjectMeta): ObjectMeta {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => systemFields.includes(name)));
}

/** What field managers may own: everything but identity and what the system writes. */
function ownable(object: KubeObject): JsonObject {
  const { apiVersion: _v, kind: _k, metadata, ...rest } = fieldsOf(object);
  const { name: _n, namespace: _s, generateName: _g, ...owned } = withoutSystemFields(metadata);
  const fields = Object.keys(owned).length === 0 ? rest : { ...rest, metadata: owned };
  return fields as unknown as JsonObject; // objects are JSON
}

function metadataOf(object: JsonObject): ObjectMeta {
  return (object.metadata ?? {}) as ObjectMeta; // its shape was checked
}

function identityOf({ apiVersion, kind }: KubeObject) {
  return { apiVersion, kind };
}

function nameOf({ metadata: { name, namespace } }: KubeObject): ObjectMeta {
  return { ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }) };
}

/** The applied fields which count at this endpoint. Throws when they do not fit the schema. */
function readConfig({ kind, subresource }: WriteRequest, config: KubeObject): JsonObject {
  if (config.metadata.managedFields !== undefined)
    throw kubeError({ reason: 'BadRequest', message: 'metadata.managedFields must be nil' });
  const problems = findShapeProblems(kind.schema, config as unknown as Json); // sent as JSON
  const duplicates = findDuplicates(kind.schema, config as unknown as Json); // sent as JSON
  const texts = [...problems.map(describeTypedProblem), ...duplicates.map(describeTypedDuplicate)];
  if (texts.length > 0) throw typedPatchError(kind, config, texts);
  const owned = ownable(config);
  const { status, ...desired } = owned;
  if (subresource === 'status') return status === undefined ? {} : { status };
  return kind.hasStatus ? desired : owned;
}

function contextOf({ kind, writer, time }: WriteRequest) {
  return { schema: kind.schema, writer, apiVersion: kind.resource.apiVersion, time };
}

const parsedManagers = new WeakMap<readonly ManagedFieldsEntry[], readonly ManagedSet[]>();

/** Stored objects are frozen, so what was parsed of them once stays true. */
function managersOf(object: KubeObject): readonly ManagedSet[] {
  const entries = object.metadata.managedFields;
  if (entries === undefined) return [];
  const known = parsedManagers.get(entries);
  if (known !== undefined) return known;
  const managers = parseManagedFields(entries);
  parsedManagers.set(entries, managers);
  return managers;
}

function withManagers(object: KubeObject, managers: readonly ManagedSet[]): KubeObject {
  const { managedFields: _m, ...metadata } = object.metadata;
  if (managers.length === 0) return { ...object, metadata };
  const managedFields = formatManagedFields(managers);
  parsedManagers.set(managedFields, managers);
  return { ...object, metadata: { ...metadata, managedFields } };
}

/** Unknown fields are refused (fieldValidation=Strict); wrong types of custom resources are refused with their values. */
function assertShape(kind: Kind, input: KubeObject): void {
  const problems = findShapeProblems(kind.schema, input as unknown as Json); // sent as JSON
  const unknown = problems.filter((problem) => problem.kind === 'unknown-field');
  const wrong = problems.filter(
    (problem) => problem.kind === 'wrong-type' && (!kind.isCustom || problem.path.startsWith('metadata')),
  );
  if (unknown.length > 0)
    throw undecodable(kind, `strict decoding error: ${unknown.map((p) => `unknown field "${p.path}"`).join(', ')}`);
  const [first] = wrong;
  if (first !== undefined)
    throw undecodable(
      kind,
      `json: cannot unmarshal ${first.actual} into field ${first.path} of type ${first.expected}`,
    );
}

function undecodable({ resource }: Kind, problem: string): HybridStoreError {
  const { version } = parseApiVersion(resource.apiVersion);
  const message = `${resource.kind} in version ${JSON.stringify(version)} cannot be handled as a ${resource.kind}: ${problem}`;
  return kubeError({ reason: 'BadRequest', message });
}

/** The real API server says the same with status 500; a bad request it is all the same. */
function typedPatchError({ resource }: Kind, config: KubeObject, texts: readonly string[]): HybridStoreError {
  const object = `${config.metadata.namespace ?? ''}/${config.metadata.name}; ${resource.apiVersion}, Kind=${resource.kind}`;
  const text = texts.length === 1 ? texts[0] : `errors:\n${texts.map((line) => `  ${line}`).join('\n')}`;
  return kubeError({ reason: 'BadRequest', message: `failed to create typed patch object (${object}): ${text}` });
}

function describeTypedProblem({ kind, path, expected, actual }: ShapeProblem): string {
  return kind === 'unknown-field'
    ? `.${path}: field not declared in schema`
    : `.${path}: expected ${expected}, got ${actual}`;
}

function describeTypedDuplicate({ path, key }: Duplicate): string {
  const keys = isJsonObject(key)
    ? Object.entries(key)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')
    : `=${JSON.stringify(key)}`;
  return `.${path}: duplicate entries for key [${keys}]`;
}

/** Source: apimachinery managedfields/internal/conflict.go. */
function applyConflict(conflicts: readonly FieldConflict[]): HybridStoreError {
  const causes: StatusCause[] = conflicts.flatMap(({ manager, paths }) =>
    paths.map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${formatManager(manager)}`,
      field,
    })),
  );
  const [only] = causes;
  const message =
    causes.length === 1 && only !== undefined
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${conflicts.map(formatConflict).join('\n')}`;
  return kubeError({ reason: 'Conflict', message, causes });
}

function formatConflict({ manager, paths }: FieldConflict): string {
  return [`conflicts with ${formatManager(manager)}:`, ...paths.map((path) => `- ${path}`)].join('\n');
}

function formatManager({ manager, operation, subresource, apiVersion, time }: ManagedSet): string {
  const name =
    JSON.stringify(manager) + (subresource === undefined ? '' : ` with subresource ${JSON.stringify(subresource)}`);
  if (operation === 'Apply') return name;
  return time === undefined ? `${name} using ${apiVersion}` : `${name} using ${apiVersion} at ${time}`;
}

const rulesNotChecked: FieldError = {
  type: 'Invalid',
  path: '<nil>',
  value: null,
  detail:
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};
const blockingTypes: ReadonlySet<FieldError['type']> = new Set([
  'NotSupported',
  'Required',
  'TooLong',
  'TooMany',
  'TypeInvalid',
]);

function assertValid(kind: Kind, object: KubeObject, old: KubeObject | undefined): void {
  const errors = [
    ...validateObjectMeta(kind.resource, object, old),
    ...(kind.isCustom ? validateCustom(kind, object, old) : validateBuiltIn(kind, object, old)),
  ];
  if (errors.length > 0)
    throw invalidObject(kind.resource, object.metadata.name ?? object.metadata.generateName ?? '', errors);
  markSettled(kind.schema, object as unknown as JsonObject); // objects are JSON
}

function validateBuiltIn(kind: Kind, object: KubeObject, old: KubeObject | undefined): readonly FieldError[] {
  const missing = findMissingFields(kind.schema, object as unknown as Json); // stored JSON
  if (missing.length > 0) return missing.map((path) => ({ type: 'Required', path }));
  return kind.rules?.validate?.(object, old) ?? [];
}

function validateCustom(kind: Kind, object: KubeObject, old: KubeObject | undefined): readonly FieldError[] {
  const value = object as unknown as JsonObject; // stored JSON
  const all = [...(kind.validateValues?.(value) ?? []), ...findDuplicates(kind.schema, value).map(describeDuplicate)];
  // As if it had been read just now: defaults that a newer definition brings are no change by the writer.
  const before = old && (withDefaults(kind.schema, old as unknown as Json) as JsonObject); // stored JSON; a map stays a map
  const errors = before === undefined ? all : all.filter(({ path }) => !isInUnchangedPart(path, value, before));
  if (kind.validateRules === undefined) return errors;
  if (errors.some((error) => blockingTypes.has(error.type))) return [...errors, rulesNotChecked];
  return [...errors, ...kind.validateRules(value, before)];
}

/**
 * Whether the path leads to, or through, something that is as it was: an update is not refused for what it did not touch.
 * Items of lists are not distinguished. Source: KEP-4008, CRD validation ratcheting.
 */
function isInUnchangedPart(path: string, value: JsonObject, before: JsonObject): boolean {
  let [after, old]: [Json | undefined, Json | undefined] = [value, before];
  for (const name of path.split(/[.[]/)) {
    if (!isJsonObject(after) || !isJsonObject(old)) return false;
    [after, old] = [after[name], old[name]];
    if (after !== undefined && old !== undefined && isJsonEqual(after, old)) return true;
  }
  return false;
}
