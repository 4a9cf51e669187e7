import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runExample } from '@hybridstore/test-kit';

type Example = () => Promise<Readonly<Record<string, unknown>>>;

test("the README's example gives what it promises", async () => {
  const { example } = await runExample(new URL('../README.md', import.meta.url));
  assert.deepEqual(await (example as Example)(), {
    made: 3,
    conflict: 'Apply failed with 1 conflict: conflict with "ann": .spec.size',
    refusal: 'Widget.example.com "first" is invalid: spec.size: Invalid value: 12: too large',
    taken: 5,
  });
});
