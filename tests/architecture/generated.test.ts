import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Endpoint, ErrorBody, endpoints } from '@hybridstore/contracts';
import { Type } from 'typebox';
import { buildGeneratedFiles } from '../../scripts/generate/all.ts';
import { findStale } from '../../scripts/generate/generated-file.ts';
import { hashEndpoint } from '../../scripts/generate/rest-reference.ts';

it('every generated file holds what its sources say', () => {
  const files = buildGeneratedFiles();
  assert.ok(files.length > 15);
  assert.deepEqual(findStale(fileURLToPath(new URL('../..', import.meta.url)), files), []);
});

const agreed: Record<string, string> = JSON.parse(
  readFileSync(new URL('../../packages/contracts/wire-hashes.json', import.meta.url), 'utf8'),
);

it('the wire is as agreed on: every endpoint has the hash that its callers were built with', () => {
  for (const [service, table] of Object.entries(endpoints))
    for (const endpoint of Object.values(table)) {
      const [name, hash] = hashEndpoint(service, endpoint);
      assert.equal(hash, agreed[name], `${name} has changed: is every caller of it changed too? then npm run generate`);
    }
});

it('a change of any part of an endpoint that crosses a process changes its hash; its summary does not', () => {
  const endpoint: Endpoint = {
    service: 'tenant-node',
    method: 'POST',
    path: '/thing',
    summary: 'A thing',
    access: { kind: 'user' },
  };
  const more = Type.Object({ more: Type.Integer() });
  const changes: Partial<Endpoint>[] = [
    { params: more },
    { query: more },
    { body: more },
    { body: Type.Object({ more: Type.Integer({ maximum: 5 }) }) },
    { body: Type.Optional(more) },
    { response: more },
    { response: ErrorBody },
    { status: 201 },
    { produces: ['application/x-ndjson'] },
    { access: { kind: 'public' } },
  ];
  const hashes = [{}, ...changes].map((change) => hashEndpoint('tenant-node', { ...endpoint, ...change })[1]);
  assert.equal(new Set(hashes).size, hashes.length);
  assert.equal(hashEndpoint('tenant-node', { ...endpoint, summary: 'Another thing' })[1], hashes[0]);
});
