import type { Json } from '@hybridstore/controller-runtime';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormatsModule from 'ajv-formats';
import { type FieldError, itemPath } from './field-error.ts';
import type { Schema } from './schema.ts';

/**
 * Bounds, patterns, enums and the like of a CRD's schema, judged by ajv and put in the API server's words.
 * Source of the words: kube-openapi pkg/validation/errors/schema.go, apiextensions pkg/apiserver/validation.
 */
export type ValueValidator = (value: Json) => readonly FieldError[];

// ajv-formats is CommonJS: its function is both the module and its `default`.
const addFormats = addFormatsModule as unknown as (ajv: Ajv) => void;

/** Compiles a structural schema. Metadata is not judged: its rules are those of every object (object-meta.ts). */
export function compileValues(schema: Schema): ValueValidator {
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true, unicodeRegExp: false, validateSchema: false });
  addFormats(ajv);
  const validate: ValidateFunction = ajv.compile(toJsonSchema(schema) as object);
  return (value) => (validate(value) ? [] : describe(validate.errors ?? []));
}

/** OpenAPI v3 as JSON Schema 2020: exclusive bounds are numbers there, and int-or-string is a union. */
function toJsonSchema(schema: Schema): Readonly<Record<string, unknown>> {
  const { exclusiveMinimum, exclusiveMaximum, minimum, maximum, ...rest } = schema;
  const { properties, additionalProperties, items, anyOf, oneOf, allOf, not, default: _default, ...plain } = rest;
  return {
    ...Object.fromEntries(Object.entries(plain).filter(([keyword]) => !keyword.startsWith('x-kubernetes-'))),
    ...(schema['x-kubernetes-int-or-string'] === true ? { type: ['integer', 'string'] } : {}),
    ...toBound('minimum', 'exclusiveMinimum', minimum, exclusiveMinimum),
    ...toBound('maximum', 'exclusiveMaximum', maximum, exclusiveMaximum),
    ...(properties === undefined ? {} : { properties: mapSchemas(properties) }),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: toJsonSchema(additionalProperties) } : {}),
    ...(items === undefined ? {} : { items: toJsonSchema(items) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(toJsonSchema) }),
    ...(oneOf === undefined ? {} : { oneOf: oneOf.map(toJsonSchema) }),
    ...(allOf === undefined ? {} : { allOf: allOf.map(toJsonSchema) }),
    ...(not === undefined ? {} : { not: toJsonSchema(not) }),
  };
}

function toBound(
  keyword: string,
  exclusiveKeyword: string,
  bound: number | undefined,
  isExclusive: boolean | undefined,
) {
  if (bound === undefined) return {};
  return { [isExclusive === true ? exclusiveKeyword : keyword]: bound };
}

function mapSchemas(schemas: Readonly<Record<string, Schema>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, toJsonSchema(schema)]));
}

function describe(errors: readonly ErrorObject[]): FieldError[] {
  return errors.flatMap((error) => describeError(error, pathOf(error)));
}

/** `/spec/columns/0/name` as `spec.columns[0].name`. */
function pathOf(error: ErrorObject): string {
  const steps = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce(
    (path, step) => (/^\d+$/.test(step) ? itemPath(path, step) : path === '' ? step : `${path}.${step}`),
    '',
  );
}

function describeError(error: ErrorObject, path: string): FieldError[] {
  const { params, data } = error;
  const invalid = (words: string): FieldError[] => [
    { type: 'Invalid', path, value: data, detail: `${path} in body ${words}` },
  ];
  switch (error.keyword) {
    case 'required':
      return [{ type: 'Required', path: path === '' ? params.missingProperty : `${path}.${params.missingProperty}` }];
    case 'enum':
      return [
        {
          type: 'NotSupported',
          path,
          value: data,
          detail: `supported values: ${params.allowedValues.map(quote).join(', ')}`,
        },
      ];
    case 'type':
      return [describeType(path, params.type, data)];
    case 'maxLength':
      return [
        {
          type: 'TooLong',
          path,
          detail: `may not be more than ${params.limit} ${params.limit === 1 ? 'byte' : 'bytes'}`,
        },
      ];
    case 'maxItems':
      return [describeTooMany(path, (data as unknown[]).length, params.limit)]; // the keyword judges lists only
    case 'maxProperties':
      return [describeTooMany(path, Object.keys(data as object).length, params.limit)]; // the keyword judges objects only
    case 'minLength':
      return invalid(`should be at least ${params.limit} chars long`);
    case 'minItems':
      return invalid(`should have at least ${params.limit} items`);
    case 'minProperties':
      return invalid(`should have at least ${params.limit} properties`);
    case 'minimum':
      return invalid(`should be greater than or equal to ${params.limit}`);
    case 'exclusiveMinimum':
      return invalid(`should be greater than ${params.limit}`);
    case 'maximum':
      return invalid(`should be less than or equal to ${params.limit}`);
    case 'exclusiveMaximum':
      return invalid(`should be less than ${params.limit}`);
    case 'multipleOf':
      return invalid(`should be a multiple of ${params.multipleOf}`);
    case 'pattern':
      return invalid(`should match '${params.pattern}'`);
    case 'uniqueItems':
      return invalid("shouldn't contain duplicates");
    case 'format':
      return invalid(`must be of type ${params.format}: ${JSON.stringify(data)}`);
    default:
      return invalid(`must validate ${error.keyword}`);
  }
}

function quote(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? value : JSON.stringify(value));
}

function describeType(path: string, expected: string | readonly string[], data: unknown): FieldError {
  const type = typeof expected === 'string' ? expected : expected.join(' or ');
  const actual =
    data === null ? 'null' : Array.isArray(data) ? 'array' : Number.isInteger(data) ? 'integer' : typeof data;
  return {
    type: 'TypeInvalid',
    path,
    value: actual,
    detail: `${path} in body must be of type ${type}: ${JSON.stringify(actual)}`,
  };
}

function describeTooMany(path: string, actual: number, limit: number): FieldError {
  return {
    type: 'TooMany',
    path,
    value: actual,
    detail: `must have at most ${limit} ${limit === 1 ? 'item' : 'items'}`,
  };
}
