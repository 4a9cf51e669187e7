import { HybridStoreError } from '@hybridstore/runtime';
import { Ajv, type ErrorObject } from 'ajv';
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
    discriminator: false,
  });
  addFormatsModule.default(ajv);
  return ajv;
}

export type Validator = {
  check<T>(value: unknown): value is T;
  /** What the last failed `check` found, as `field: expected …, found …`. */
  describe(): string;
  readonly errors: () => readonly ErrorObject[];
};

export function compileValidator(schema: TSchema): Validator {
  const validate = createAjv().compile(flattenSchema(schema));
  return {
    check: <T>(value: unknown): value is T => validate(value) === true,
    describe: () => (validate.errors?.[0] ? describeIssue(validate.errors[0]).message : ''),
    errors: () => validate.errors ?? [],
  };
}

export type Issue = { readonly field: string; readonly expected: string; readonly message: string };

/** One schema error in the words of this house. `field` is a dotted path, `body` for the whole. */
export function describeIssue(error: ErrorObject, root = 'body'): Issue {
  const base = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
  const parameters: Record<string, unknown> = error.params;
  const extra = parameters['additionalProperty'] ?? parameters['missingProperty'];
  const field = [base, typeof extra === 'string' ? extra : ''].filter((part) => part !== '').join('.') || root;
  const expected = expectation(error);
  return { field, expected, message: `${field}: ${expected}` };
}

function expectation(error: ErrorObject): string {
  const parameters: Record<string, unknown> = error.params;
  switch (error.keyword) {
    case 'additionalProperties':
      return 'is not a known field';
    case 'required':
      return 'is required';
    case 'enum':
      return `expected one of ${JSON.stringify(parameters['allowedValues'])}`;
    case 'const':
      return `expected ${JSON.stringify(parameters['allowedValue'])}`;
    case 'type':
      return `expected ${String(parameters['type'])}`;
    default:
      return error.message ?? error.keyword;
  }
}

/** `invalid_request` (400) for the first schema error, with every field that is wrong in `details`. */
export function invalidBody(errors: readonly ErrorObject[], root = 'body'): HybridStoreError {
  const issues = errors.map((error) => describeIssue(error, root));
  const first = issues[0] ?? { field: root, expected: 'a valid value', message: `${root} is not valid` };
  return new HybridStoreError('invalid_request', first.message, {
    field: first.field,
    expected: first.expected,
    issues: issues.slice(0, 20),
  });
}
