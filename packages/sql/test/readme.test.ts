import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runExample } from '@hybridstore/test-kit';

test('the example of the page reads SQL and the DSL as its comments say', async () => {
  const { sql, types, parameters } = await runExample(new URL('../README.md', import.meta.url));
  assert.equal(
    sql,
    'SELECT "sales"."region" AS "region", ("sales"."amount" / nullif(CAST($1 AS BIGINT), 0)) AS "part" FROM "sales" AS "sales"',
  );
  assert.deepEqual(types, ['string', 'double']);
  assert.deepEqual(parameters, [{ type: 'string', value: 'north' }]);
});
