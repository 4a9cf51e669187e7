import { canonicalJson, isJsonEqual, isJsonObject, type Json, type JsonObject } from '@hybridstore/controller-runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import { buildCelEnvironment } from './cel-library.ts';
import { childPath, type FieldError, itemPath } from './field-error.ts';
import { anySchema, type Schema, schemaOfField, type ValidationRule } from './schema.ts';

/**
 * The CEL rules of a CRD's schema (`x-kubernetes-validations`), compiled once when the CRD is registered.
 * Source of the semantics and words: apiextensions pkg/apiserver/schema/cel/{compilation,validation,values}.go.
 * What an update leaves as it was is not judged again but by rules with `oldSelf` (ratcheting): an object stored under an
 * older definition can still get a status, a label, a finalizer.
 * Deliberately left out: cost budgets (the real API server enforces them when the CRD is created).
 */
export type RuleValidator = (value: JsonObject, oldValue: JsonObject | undefined) => readonly FieldError[];

type CompiledRule = {
  readonly rule: ValidationRule;
  readonly evaluate: ParseResult;
  readonly evaluateMessage: ParseResult | undefined;
  readonly usesOldSelf: boolean;
};

/** Nodes without rules at or below them are not visited. */
type RuleNode = {
  readonly schema: Schema;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly items: RuleNode | undefined;
  readonly values: RuleNode | undefined;
  /** A rule here or below asks for the former value. */
  readonly hasTransition: boolean;
};

/** Throws `invalid_request` when a rule is no CEL: the definition is refused. */
export function compileRules(schema: Schema): RuleValidator {
  const root = compileNode(buildCelEnvironment(), schema, '');
  if (root === undefined) return () => [];
  return (value, oldValue) => {
    const errors: FieldError[] = [];
    visit(root, { value, oldValue, path: '', isUnchanged: false }, errors);
    return errors;
  };
}

function compileNode(environment: Environment, schema: Schema, path: string): RuleNode | undefined {
  const rules = (schema['x-kubernetes-validations'] ?? []).map((rule) => compileRule(environment, rule, path));
  const properties = new Map<string, RuleNode>();
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const node = compileNode(environment, child, childPath(path, name));
    if (node !== undefined) properties.set(name, node);
  }
  const items = schema.items === undefined ? undefined : compileNode(environment, schema.items, `${path}[*]`);
  const { additionalProperties } = schema;
  const values =
    typeof additionalProperties === 'object' ? compileNode(environment, additionalProperties, `${path}[*]`) : undefined;
  if (rules.length === 0 && properties.size === 0 && items === undefined && values === undefined) return undefined;
  const below = [...properties.values(), items, values];
  const hasTransition = rules.some((rule) => rule.usesOldSelf) || below.some((node) => node?.hasTransition === true);
  return { schema, rules, properties, items, values, hasTransition };
}

function compileRule(environment: Environment, rule: ValidationRule, path: string): CompiledRule {
  try {
    return {
      rule,
      evaluate: environment.parse(rule.rule),
      evaluateMessage: rule.messageExpression === undefined ? undefined : environment.parse(rule.messageExpression),
      usesOldSelf: /\boldSelf\b/.test(rule.rule),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${path}: rule ${JSON.stringify(rule.rule)}: ${reason}`;
    throw new HybridStoreError('invalid_request', message, { path }, { cause });
  }
}

/** A value under judgement. */
type Judged = {
  readonly value: Json;
  readonly oldValue: Json | undefined;
  readonly path: string;
  /** Something above is as it was, and so is this: only rules about the change itself are judged. */
  readonly isUnchanged: boolean;
};

function visit(node: RuleNode, judged: Judged, errors: FieldError[]): void {
  if (judged.value === null) return; // rules see values only
  const isUnchanged =
    judged.isUnchanged || (judged.oldValue !== undefined && isJsonEqual(judged.value, judged.oldValue));
  if (isUnchanged && !node.hasTransition) return;
  for (const rule of node.rules) if (!isUnchanged || rule.usesOldSelf) judge(node.schema, rule, judged, errors);
  const below = { ...judged, isUnchanged };
  if (Array.isArray(judged.value)) visitItems(node, below, judged.value, errors);
  else if (isJsonObject(judged.value)) visitFields(node, below, judged.value, errors);
}

function visitFields(node: RuleNode, judged: Judged, value: JsonObject, errors: FieldError[]): void {
  const old = isJsonObject(judged.oldValue) ? judged.oldValue : undefined;
  for (const [name, field] of Object.entries(value)) {
    const child = node.properties.get(name);
    const isKey = child === undefined && node.schema.properties?.[name] === undefined;
    const next = child ?? (isKey ? node.values : undefined);
    const path = isKey ? itemPath(judged.path, name) : childPath(judged.path, name);
    if (next !== undefined) visit(next, { ...judged, value: field, oldValue: old?.[name], path }, errors);
  }
}

/** Items are compared with their former self only in keyed lists: elsewhere nobody knows which was which. */
function visitItems(node: RuleNode, judged: Judged, items: readonly Json[], errors: FieldError[]): void {
  const { items: next } = node;
  if (next === undefined) return;
  const old = indexByKey(node.schema, judged.oldValue);
  items.forEach((value, index) => {
    const oldValue = old.get(keyOf(node.schema, value));
    visit(next, { ...judged, value, oldValue, path: itemPath(judged.path, index) }, errors);
  });
}

function indexByKey(schema: Schema, value: Json | undefined): ReadonlyMap<string, Json> {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(value)) return new Map();
  return new Map(value.map((item: Json) => [keyOf(schema, item), item]));
}

function keyOf(schema: Schema, item: Json): string {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return isJsonObject(item) ? canonicalJson(keys.map((key) => item[key] ?? null)) : canonicalJson(item);
}

function judge(schema: Schema, compiled: CompiledRule, judged: Judged, errors: FieldError[]): void {
  const { rule } = compiled;
  if (compiled.usesOldSelf && judged.oldValue === undefined && rule.optionalOldSelf !== true) return;
  const variables = buildVariables(schema, judged);
  const path = rule.fieldPath === undefined ? judged.path : `${judged.path}${rule.fieldPath}`.replace(/^\./, '');
  try {
    if (compiled.evaluate(variables) !== true)
      errors.push(describeFailure(schema, compiled, { ...judged, path }, variables));
  } catch (error) {
    errors.push({
      type: 'Invalid',
      path: judged.path,
      value: schema.type,
      detail: `${firstLine(error)} evaluating rule: ${ruleText(rule)}`,
    });
  }
}

function buildVariables(schema: Schema, judged: Judged): Readonly<Record<string, unknown>> {
  const self = toCel(schema, judged.value);
  if (judged.oldValue === undefined) return { self };
  return { self, oldSelf: judged.oldValue === judged.value ? self : toCel(schema, judged.oldValue) };
}

function describeFailure(
  schema: Schema,
  compiled: CompiledRule,
  judged: Judged,
  variables: Readonly<Record<string, unknown>>,
): FieldError {
  const { rule } = compiled;
  const detail =
    readMessage(compiled, variables) ??
    (rule.message === undefined ? `failed rule: ${ruleText(rule)}` : rule.message.trim());
  const isScalar = schema.type !== 'object' && schema.type !== 'array';
  const value = isScalar ? { value: judged.value } : {};
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return { type: 'Forbidden', path: judged.path, detail };
    case 'FieldValueRequired':
      return { type: 'Required', path: judged.path, detail };
    case 'FieldValueDuplicate':
      return { type: 'Duplicate', path: judged.path, ...value };
    default:
      return { type: 'Invalid', path: judged.path, ...value, detail };
  }
}

/** A message expression that fails, or gives no usable text, falls back to the message. */
function readMessage(compiled: CompiledRule, variables: Readonly<Record<string, unknown>>): string | undefined {
  if (compiled.evaluateMessage === undefined) return undefined;
  try {
    const text: unknown = compiled.evaluateMessage(variables);
    const trimmed = typeof text === 'string' ? text.trim() : '';
    return trimmed === '' || trimmed.includes('\n') ? undefined : trimmed;
  } catch {
    return undefined; // as the API server does: the rule's failure matters, not its wording
  }
}

function ruleText(rule: ValidationRule): string {
  return (rule.message ?? rule.rule).trim();
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

/** JSON as CEL sees it: integers are bigint, names that CEL reserves are escaped. */
function toCel(schema: Schema, value: Json): unknown {
  if (typeof value === 'number') return schema.type !== 'number' && Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item: Json) => toCel(schema.items ?? anySchema, item));
  if (!isJsonObject(value)) return value;
  const fields = Object.entries(value).map(([name, field]) => {
    const isDeclared = schema.properties?.[name] !== undefined;
    return [isDeclared ? escapeName(name) : name, toCel(schemaOfField(schema, name) ?? anySchema, field)];
  });
  return Object.fromEntries(fields);
}

const reserved: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Source: apiserver pkg/cel/escaping.go. */
function escapeName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
