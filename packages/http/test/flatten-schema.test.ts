import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as contracts from '@hybridstore/contracts';
import { CommitNotice, endpoints, SearchRequest } from '@hybridstore/contracts';
import { Ajv } from 'ajv';
import { IsSchema, type TSchema } from 'typebox';
import { flattenSchema } from '../src/flatten-schema.ts';
import { compileValidator } from '../src/validation.ts';

test('a schema that holds another one twice compiles and checks both places', () => {
  const notice = {
    tenant_id: 'default/acme',
    source_id: 'events',
    definition: { source_id: 'events', columns: [{ name: 'id', type: 'bigint' }] },
    columns: [{ name: 'id', type: 'bigint' }],
    schema_version: 1,
    table_version: 0,
    committed_at: '2026-01-01T00:00:00Z',
    since_version: -1,
    added: [],
    removed: [],
    unflushed_rows: 0,
    node_url: 'http://node',
  };
  const validator = compileValidator(CommitNotice);
  assert.equal(validator.check(notice), true);
  assert.equal(validator.check({ ...notice, columns: [{ name: 'id', type: 'nonsense' }] }), false);
});

test('a recursive schema that stands in two places checks every level of both', () => {
  const validator = compileValidator(SearchRequest);
  const leaf = { field: 'a', operator: 'eq', value: 1 };
  assert.equal(validator.check({ source_id: 'events', filter: { not: { and: [leaf] } }, conditions: [leaf] }), true);
  assert.equal(validator.check({ source_id: 'events', filter: { not: { and: [{ field: 'a' }] } } }), false);
  assert.equal(validator.check({ source_id: 'events', conditions: [{ or: [{ operator: 'eq' }] }] }), false);
});

test('every schema of every endpoint compiles', () => {
  for (const group of Object.values(endpoints))
    for (const endpoint of Object.values(group))
      for (const schema of [endpoint.params, endpoint.query, endpoint.body, endpoint.response])
        if (schema) assert.doesNotThrow(() => compileValidator(schema), endpoint.path);
});

test('every schema of the contracts is sound, by the schema of schemas, which nobody asks at a start', () => {
  const ajv = new Ajv({ strict: false });
  const judge = (schema: object) => (ajv.validateSchema(flattenSchema(schema)) === true ? '' : ajv.errorsText());
  assert.match(judge({ type: 'text' }), /type must be/);
  const schemas = Object.entries(contracts as Readonly<Record<string, unknown>>).filter(
    (entry): entry is [string, TSchema] => IsSchema(entry[1]) && Object.hasOwn(entry[1], '~kind'),
  );
  assert.ok(schemas.length > 100, `${schemas.length} schemas`);
  for (const [name, schema] of schemas) assert.equal(judge(schema), '', name);
  for (const group of Object.values(endpoints))
    for (const { params, query, body, response, path } of Object.values(group))
      for (const schema of [params, query, body, response]) if (schema) assert.equal(judge(schema), '', path);
});
