import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BuiltEntry, build } from '../../build.ts';
import { imageEntries, type ProductImage } from '../images.ts';
import { repositoryFolder } from '../layout.ts';

// What the bundler says that it put into each bundle of this repository.

const output = mkdtempSync(join(tmpdir(), 'images-test-'));
let entries: readonly BuiltEntry[];
before(async () => {
  const isWanted = (source: string) => !source.startsWith('cli/');
  entries = (await build({ root: repositoryFolder, output, isWanted })).entries;
});
after(() => rmSync(output, { recursive: true }));

function partsOf(name: ProductImage): readonly string[] {
  return [...new Set(imageEntries(entries, name).flatMap((entry) => entry.workspaces))].sort();
}

test("the operator's image holds one program, and nothing of the embedded Kubernetes", () => {
  assert.deepEqual(
    imageEntries(entries, 'operator').map((entry) => entry.source),
    ['operator/src/main.ts', 'packages/http/src/json-thread-main.ts', 'packages/runtime/src/database-check-main.ts'],
  );
  assert.deepEqual(partsOf('operator'), [
    'operator',
    ...['contracts', 'controller-runtime', 'http', 'runtime'].map((name) => `packages/${name}`),
  ]);
});

test('the image of the services holds every service with its children, and the programs of the packages', () => {
  const services = [
    ...['auth-gateway', 'cbo-engine', 'metadata-catalog', 'monitoring', 'operation-node', 'query-interpreter'],
    'tenant-node',
  ];
  assert.deepEqual(
    imageEntries(entries, 'services')
      .map((entry) => entry.source)
      .toSorted(),
    [
      'packages/engine/src/segment/writer-main.ts',
      'packages/http/src/json-thread-main.ts',
      'packages/runtime/src/database-check-main.ts',
      'packages/sql/src/parsing/worker-main.ts',
      ...services.map((name) => `services/${name}/src/main.ts`),
      'services/tenant-node/src/execute/child/main.ts',
      'services/tenant-node/src/ingest/write-thread-main.ts',
    ].toSorted(),
  );
});

test('the image of the services holds nothing of the operator, its machine or the embedded Kubernetes', () => {
  assert.deepEqual(
    partsOf('services').filter((part) => !part.startsWith('services/')),
    ['contracts', 'engine', 'http', 'plan', 'runtime', 'sql'].map((name) => `packages/${name}`),
  );
});
