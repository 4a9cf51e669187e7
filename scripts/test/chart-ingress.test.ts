import assert from 'node:assert/strict';
import { it } from 'node:test';
import { endpoints } from '@hybridstore/contracts';
import { parse } from 'yaml';
import { renderIngressFile } from '../generate/chart-ingress.ts';

const paths = parse(renderIngressFile().text) as readonly string[]; // a list of texts, as rendered
const isReached = (path: string) => paths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));

it('the Ingress of the chart leads to every endpoint that clients call', () => {
  for (const path of ['/auth/login', '/data/write', '/query/sql', '/queries/q-1', '/logs/tenant-node', '/health/all'])
    assert.equal(isReached(path), true, path);
  for (const endpoint of Object.values(endpoints).flatMap((table) => Object.values(table)))
    if (endpoint.viaGateway === true) assert.equal(isReached(endpoint.path), true, endpoint.path);
});

it('and to nothing that is for inside: metrics, probes, and what services say to each other', () => {
  for (const path of ['/', '/metrics', '/ready', '/health', '/internal', '/internal/logs', '/internal/revocations'])
    assert.equal(isReached(path), false, path);
  for (const endpoint of Object.values(endpoints).flatMap((table) => Object.values(table)))
    if (endpoint.access.kind === 'service') assert.equal(isReached(endpoint.path), false, endpoint.path);
});
