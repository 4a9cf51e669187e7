import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildCrds } from '@hybridstore/contracts';
import { type Judgement, toConditions } from '@hybridstore/controller-runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { Environment } from '@marcbachmann/cel-js';
import { parse } from 'yaml';
import { buildPolicyStatus } from '../../operator/src/compaction-policy/status.ts';
import { buildSourceStatus } from '../../operator/src/data-source/status.ts';
import { buildPausedStatus, buildRefusedStatus } from '../../operator/src/tenant/status.ts';

/*
 * The health checks of the pages about Argo CD and Flux, over statuses as the operator builds them. Lua is asked where it
 * is installed, and where CI is set it has to be (.ci/run installs it); the expressions of Flux are CEL, which is here.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = createTemporaryFolder('gitops');
after(() => folder[Symbol.dispose]());
const luaMsMax = 30_000;

type Kind = 'Tenant' | 'DataSource' | 'CompactionPolicy';
type Health = { readonly argo: string; readonly message: string; readonly flux: 'InProgress' | 'Failed' | 'Current' };
type Case = { readonly says: string; readonly kind: Kind; readonly object: object; readonly health: Health };
type Expressions = {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly inProgress: string;
  readonly failed: string;
  readonly current: string;
};

const now = { generation: 3, nowMs: 0 };
const metadata = { name: 'one', namespace: 'default', generation: 3 };
const object = (status?: object, more: object = {}) => ({
  metadata: { ...metadata, ...more },
  ...(status === undefined ? {} : { status }),
});

/** As `buildTenantStatus` puts the judgements of a pass into a status. */
const tenantStatus = (...judgements: readonly Judgement[]) => ({
  observedGeneration: now.generation,
  conditions: toConditions(judgements, [], now),
});
const judge = (type: string, status: 'True' | 'False', reason: string, message: string): Judgement => ({
  type,
  status,
  reason,
  message,
});
const asExpected = judge('Degraded', 'False', 'AsExpected', 'nothing is wrong');
const idle = { active: false, last_run_at: null, next_run_at: null, last_results: [] } as never; // of a policy that has not run

const unseen = { argo: 'Progressing', message: 'the operator has not seen this spec yet', flux: 'InProgress' } as const;
const cases: readonly Case[] = [
  {
    says: 'a Tenant that was just applied',
    kind: 'Tenant',
    object: object({ observedGeneration: 0 }),
    health: unseen,
  },
  {
    says: 'a Tenant that was Ready before its spec changed',
    kind: 'Tenant',
    object: object(tenantStatus(judge('Ready', 'True', 'AllNodesReady', 'x')), { generation: 4 }),
    health: unseen,
  },
  {
    says: 'a Tenant whose nodes start',
    kind: 'Tenant',
    object: object(tenantStatus(judge('Ready', 'False', 'NodesNotReady', '0 of 2 nodes are ready'), asExpected)),
    health: { argo: 'Progressing', message: 'NodesNotReady: 0 of 2 nodes are ready', flux: 'InProgress' },
  },
  {
    says: 'a Tenant that serves',
    kind: 'Tenant',
    object: object(tenantStatus(judge('Ready', 'True', 'AllNodesReady', '2 of 2 nodes are ready'), asExpected)),
    health: { argo: 'Healthy', message: 'AllNodesReady: 2 of 2 nodes are ready', flux: 'Current' },
  },
  {
    says: 'a Tenant that serves, of which something is wrong',
    kind: 'Tenant',
    object: object(
      tenantStatus(
        judge('Ready', 'True', 'AllNodesReady', '2 of 2 nodes are ready'),
        judge('Degraded', 'True', 'FlushFailing', 'hs-one-0: the data volume is full'),
      ),
    ),
    health: { argo: 'Degraded', message: 'FlushFailing: hs-one-0: the data volume is full', flux: 'Failed' },
  },
  {
    says: 'a Tenant that is refused',
    kind: 'Tenant',
    object: object(buildRefusedStatus(undefined, { reason: 'InvalidSpec', message: 'spec.image: no' }, now)),
    health: { argo: 'Degraded', message: 'InvalidSpec: spec.image: no', flux: 'Failed' },
  },
  {
    says: 'a hibernated Tenant',
    kind: 'Tenant',
    object: object(tenantStatus(judge('Ready', 'True', 'Hibernated', 'all nodes are stopped, as asked'), asExpected)),
    health: { argo: 'Suspended', message: 'Hibernated: all nodes are stopped, as asked', flux: 'Current' },
  },
  {
    says: 'a paused Tenant that serves',
    kind: 'Tenant',
    object: object(
      buildPausedStatus(
        {
          observedGeneration: 2,
          conditions: [...toConditions([judge('Ready', 'True', 'AllNodesReady', 'x'), asExpected], [], now)],
        },
        'spec.paused is true; x',
        now,
      ),
    ),
    health: { argo: 'Suspended', message: 'Paused: spec.paused is true; x', flux: 'Current' },
  },
  {
    says: 'a Tenant that is being deleted',
    kind: 'Tenant',
    object: object({ observedGeneration: 2, conditions: [] }, { deletionTimestamp: '1970-01-01T00:00:00Z' }),
    health: { argo: 'Progressing', message: 'is being deleted', flux: 'InProgress' },
  },
  {
    says: 'a DataSource whose table exists',
    kind: 'DataSource',
    object: object(buildSourceStatus(undefined, { kind: 'registered' }, undefined, now)),
    health: { argo: 'Healthy', message: 'Registered: the table exists and the catalog lists it', flux: 'Current' },
  },
  {
    says: 'a DataSource that waits for its Tenant',
    kind: 'DataSource',
    object: object(
      buildSourceStatus(undefined, { kind: 'waiting', reason: 'TenantNotFound', message: 'x' }, undefined, now),
    ),
    health: { argo: 'Progressing', message: 'TenantNotFound: x', flux: 'InProgress' },
  },
  {
    says: 'a DataSource with damaged files',
    kind: 'DataSource',
    object: object(buildSourceStatus(undefined, { kind: 'registered', damaged: ['a'] }, undefined, now)),
    health: { argo: 'Degraded', message: 'Corrupt: not what was written: a', flux: 'Failed' },
  },
  {
    says: 'a CompactionPolicy that runs',
    kind: 'CompactionPolicy',
    object: object(buildPolicyStatus(undefined, { kind: 'active', state: idle, sources: 1 }, now)),
    health: { argo: 'Healthy', message: 'Active: the catalog runs the policy', flux: 'Current' },
  },
  {
    says: 'a CompactionPolicy that is switched off',
    kind: 'CompactionPolicy',
    object: object(buildPolicyStatus(undefined, { kind: 'disabled', state: idle }, now)),
    health: { argo: 'Suspended', message: 'Disabled: the policy is switched off, as asked', flux: 'Current' },
  },
];

/** The first block of YAML on a page. */
function readBlock(page: string): unknown {
  const [, text = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(readFileSync(join(root, page), 'utf8')) ?? [];
  return parse(text);
}

const { data: checks } = readBlock('docs/operating/argocd.md') as { readonly data: Readonly<Record<string, string>> };
const { spec } = readBlock('docs/operating/flux.md') as { readonly spec: { healthCheckExprs: readonly Expressions[] } };
const kinds = buildCrds().map((definition) => (definition as { spec: { names: { kind: string } } }).spec.names.kind);

/** As Lua writes a value. */
function toLua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(toLua).join(', ')}}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, one]) => `[${JSON.stringify(key)}] = ${toLua(one)}`)
    .join(', ')}}`;
}

function askLua(check: string, asked: object): { readonly status: string; readonly message: string } {
  const file = join(folder.path, 'check.lua');
  const print = 'print(health.status) print(health.message)';
  writeFileSync(file, `local obj = ${toLua(asked)}\nlocal health = (function()\n${check}\nend)()\n${print}\n`);
  const { status, stdout, stderr, error } = spawnSync('lua5.4', [file], { encoding: 'utf8', timeout: luaMsMax });
  assert.deepEqual([error, status], [undefined, 0], stderr);
  const [health = '', message = ''] = stdout.split('\n');
  return { status: health, message };
}

describe('the health checks for Argo CD', () => {
  it('are there for every kind, and the same', () => {
    const names = kinds.map((kind) => `resource.customizations.health.hybridstore.dev_${kind}`);
    assert.deepEqual(Object.keys(checks).sort(), names.sort());
    assert.equal(new Set(Object.values(checks)).size, 1);
  });

  it('answer with healths that Argo CD knows', () => {
    const [check = ''] = Object.values(checks);
    const healths = [...check.matchAll(/status = (?:"(\w+)"|isResting and "(\w+)" or "(\w+)")/g)];
    const named = new Set(healths.flatMap(([, ...names]) => names.filter(Boolean)));
    assert.deepEqual([...named].sort(), ['Degraded', 'Healthy', 'Progressing', 'Suspended']);
  });

  const isHere = spawnSync('lua5.4', ['-v']).error === undefined;
  const isNeeded = (process.env['CI'] ?? '') !== '';
  const skip = isHere || isNeeded ? false : 'needs lua5.4: apt-get install lua5.4';
  for (const { says, kind, object: asked, health } of cases)
    it(`call ${says} ${health.argo}`, { skip }, () => {
      const check = checks[`resource.customizations.health.hybridstore.dev_${kind}`] ?? '';
      assert.deepEqual(askLua(check, asked), { status: health.argo, message: health.message });
    });

  it('call what has no status at all Progressing', { skip }, () => {
    assert.equal(askLua(Object.values(checks)[0] ?? '', object()).status, 'Progressing');
  });
});

describe('the health checks for Flux', () => {
  const environment = new Environment({ unlistedVariablesAreDyn: true });

  /** In the order in which Flux asks; what nothing is true of is in progress. */
  function askFlux({ inProgress, failed, current }: Expressions, asked: object): Health['flux'] {
    const holds = (expression: string) => environment.evaluate(expression, { ...asked }) === true;
    if (holds(inProgress)) return 'InProgress';
    if (holds(failed)) return 'Failed';
    return holds(current) ? 'Current' : 'InProgress';
  }

  it('are there for every kind', () => {
    assert.deepEqual(spec.healthCheckExprs.map(({ kind }) => kind).sort(), [...kinds].sort());
    for (const { apiVersion } of spec.healthCheckExprs) assert.equal(apiVersion, 'hybridstore.dev/v1alpha1');
  });

  for (const { says, kind, object: asked, health } of cases)
    it(`call ${says} ${health.flux}`, () => {
      const expressions = spec.healthCheckExprs.find((one) => one.kind === kind);
      assert.ok(expressions);
      assert.equal(askFlux(expressions, asked), health.flux);
    });
});
