import { serveThread } from '@hybridstore/runtime';
import type { ValidateFunction } from 'ajv';
import type { CheckTask } from './json-threads.ts';
import { parseJson } from './parse-json.ts';
import { createAjv, invalidBody } from './validation.ts';

const ajv = createAjv();
/** By the schema's name. An application has few. */
const compiled = new Map<string, ValidateFunction>();

function validatorOf({ name, schema }: NonNullable<CheckTask['schema']>): ValidateFunction {
  const known = compiled.get(name);
  if (known) return known;
  const validate = ajv.compile(schema);
  compiled.set(name, validate);
  return validate;
}

serveThread(({ bytes, schema, ...bounds }: CheckTask) => {
  const value = parseJson(Buffer.from(bytes), bounds);
  const validate = schema && validatorOf(schema);
  if (validate && validate(value) !== true) throw invalidBody(validate.errors ?? []);
  return true as const;
});
