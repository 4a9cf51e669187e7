import { HybridStoreError, isExactNumber, isRecord } from '@hybridstore/runtime';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormatsModule from 'ajv-formats';
import type { TSchema } from 'typebox';
import { flattenSchema } from './flatten-schema.ts';

/** ajv that changes nothing it is given: no coercion, no removal, no defaults. */
export function createAjv(options: { readonly coerceTypes?: boolean } = {}): Ajv {
  const ajv = new Ajv({
    allErrors: false,
    coerceTypes: options.coerceTypes ?? false,
    removeAdditional: false,
    useDefaults: false,
    strict: false,
    // Our schemas are sound, which a test shows of all of them: to check each at every start takes a third of it.
    validateSchema: false,
    // V8 does it as well, and for the schema of a Tenant a start would take half a second longer.
    code: { optimize: false },
    // Errors carry the value and the schema they are about, by which those of a union's other forms are recognized.
    verbose: true,
  });
  addFormatsModule.default(ajv);
  return ajv;
}

export interface Validator {
  check<T>(value: unknown): value is T;
  /** What the last failed `check` found, as `field: expected …, found …`. */
  describe(): string;
  readonly errors: () => readonly ErrorObject[];
}

/** Compiled when it is first asked: what a process never checks costs its start nothing. */
export function compileValidator(schema: TSchema): Validator {
  let validate: ValidateFunction | undefined;
  const errors = () => validate?.errors ?? [];
  return {
    check: <T>(value: unknown): value is T => {
      validate ??= createAjv().compile(flattenSchema(schema));
      return validate(value) === true;
    },
    describe: () => (errors().length > 0 ? issuesOf(errors(), 'body')[0].message : ''),
    errors,
  };
}

/** `actual` is absent where it would say nothing: of an unknown field. */
export type Issue = {
  readonly field: string;
  readonly expected: string;
  readonly actual?: string;
  readonly message: string;
};

/** One schema error in the words of the platform. `field` is a dotted path, `body` for the whole. */
export function describeIssue(error: ErrorObject, root = 'body'): Issue {
  const base = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
  const parameters: Record<string, unknown> = error.params;
  const extra = parameters['additionalProperty'] ?? parameters['missingProperty'];
  const field = [base, typeof extra === 'string' ? extra : ''].filter((part) => part !== '').join('.') || root;
  const { expected, actual, text } = judge(error);
  return { field, expected, ...(actual === undefined ? {} : { actual }), message: `${field}: ${text}` };
}

type Judgement = { readonly expected: string; readonly actual?: string; readonly text: string };

function judge(error: ErrorObject): Judgement {
  const parameters: Record<string, unknown> = error.params;
  switch (error.keyword) {
    case 'additionalProperties':
      return { expected: nameFields(error), text: 'is not a known field' };
    case 'required':
      return { expected: 'a value', actual: 'nothing', text: 'is required' };
    case 'enum':
      return compare(`one of ${JSON.stringify(parameters['allowedValues'])}`, describeValue(error.data));
    case 'const':
      return compare(JSON.stringify(parameters['allowedValue']), describeValue(error.data));
    case 'type':
      return compare(String(parameters['type']), describeKind(error.data));
    case 'pattern':
      return compare(nameForm(error), describeValue(error.data));
    case 'maxItems':
    case 'maxLength':
    case 'maximum':
      return compare(`at most ${limitOf(error)}`, describeSize(error.data));
    case 'minItems':
    case 'minLength':
    case 'minimum':
      return compare(`at least ${limitOf(error)}`, describeSize(error.data));
    default: {
      const [expected, actual] = [error.message ?? error.keyword, describeSize(error.data)];
      return { expected, actual, text: `${expected}, found ${actual}` };
    }
  }
}

function compare(expected: string, actual: string): Judgement {
  return { expected, actual, text: `expected ${expected}, found ${actual}` };
}

function limitOf({ keyword, params }: ErrorObject): string {
  const unit = keyword.endsWith('Items') ? ' items' : keyword.endsWith('Length') ? ' characters' : '';
  return `${params['limit']}${unit}`;
}

/** In words, where the schema has some. */
function nameForm({ params, parentSchema }: ErrorObject): string {
  const words: unknown = parentSchema?.['x-expected'];
  return typeof words === 'string' ? words : `text like ${params['pattern']}`;
}

const fieldsShownMax = 20;

function nameFields(error: ErrorObject): string {
  const properties: unknown = error.parentSchema?.['properties'];
  const names = isRecord(properties) ? Object.keys(properties) : [];
  if (names.length === 0) return 'no field';
  return `one of ${names.slice(0, fieldsShownMax).join(', ')}${names.length > fieldsShownMax ? ', …' : ''}`;
}

/** The kind of a value, never the value: a password may stand where a number should. */
function describeKind(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return isExactNumber(value) ? 'number' : typeof value;
}

const textShownMax = 40;

/** A value of a closed set or a name, which is no secret. */
function describeValue(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length <= textShownMax ? value : `${value.slice(0, textShownMax)}…`);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : describeKind(value);
}

/** What a bound speaks of: a number itself, of anything else how much of it there is. */
function describeSize(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `${value.length} characters`;
  if (Array.isArray(value)) return `${value.length} items`;
  return describeKind(value);
}

/**
 * What is wrong, the innermost first: a union that fits nothing reports an error of each of its forms, and only the form
 * whose tag the value has was meant.
 */
function issuesOf(errors: readonly ErrorObject[], root: string): readonly [Issue, ...Issue[]] {
  const meant = byForm(errors.filter((error) => error.keyword !== 'anyOf' && !isOfAnotherKind(error)));
  const [first, ...rest] = meant
    .map((error) => ({ issue: describeIssue(error, root), depth: error.instancePath.split('/').length }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ issue }) => issue);
  if (first) return [first, ...rest];
  const union = errors.findLast((error) => error.keyword === 'anyOf');
  const [only] = errors;
  if (!union && only) return [describeIssue(only, root)];
  const field = union ? describeIssue(union, root).field : root;
  const expected = 'is none of the forms that are allowed here';
  return [{ field, expected, message: `${field}: ${expected}` }];
}

/** Of one value that has the type of no form of its union, all types; of one that has, what is wrong with that form. */
function byForm(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  return [...Map.groupBy(errors, ({ instancePath }) => instancePath).values()].flatMap((ofValue) => {
    const [first, ...rest] = ofValue.filter(({ keyword }) => keyword === 'type');
    const others = ofValue.filter(({ keyword }) => keyword !== 'type');
    if (!first || others.length > 0) return others;
    const types = new Set([first, ...rest].flatMap(({ params }) => params['type']));
    return [{ ...first, params: { ...first.params, type: [...types].join(' or ') } }];
  });
}

/** Fields that say which form of a union an object means. */
const tags = ['kind', 'query_type'] as const;

function isOfAnotherKind(error: ErrorObject): boolean {
  const properties: unknown = error.parentSchema?.['properties'];
  return tags.some((tag) => {
    if (error.keyword === 'const' && error.instancePath.endsWith(`/${tag}`)) return true;
    const wanted = fieldOf(fieldOf(properties, tag), 'const');
    return wanted !== undefined && fieldOf(error.data, tag) !== wanted;
  });
}

function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

/** `invalid_request` (400) for the first schema error, with every field that is wrong in `details`. */
export function invalidBody(errors: readonly ErrorObject[], root = 'body'): HybridStoreError {
  const issues = issuesOf(errors, root);
  const [first] = issues;
  return new HybridStoreError('invalid_request', first.message, {
    field: first.field,
    expected: first.expected,
    ...(first.actual === undefined ? {} : { actual: first.actual }),
    issues: issues.slice(0, 20),
  });
}
