import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { globSync, readdirSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { dialects, type LogicalPlan, type Permission } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { isHybridStoreError, systemClock, systemDisk } from '@hybridstore/runtime';
import { parseSql } from '@hybridstore/sql/parsing';
import { lockedSettings } from '../../src/execute/child/session-settings.ts';
import { StatementFiles } from '../../src/execute/child/statement-files.ts';
import { UnguessableNames } from '../../src/execute/child/unguessable-names.ts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from '../routes/node-under-test.ts';
import { hostileNames, type Layout } from './hostile-names.ts';
import { mutatePlan } from './mutate-plan.ts';
import { Random } from './random.ts';
import { StatementGrammar } from './statement-grammar.ts';

/** More for a longer run: `HOSTILE_STATEMENTS=1000000 HOSTILE_SEED=7`. */
const statementsMin = Number(process.env['HOSTILE_STATEMENTS'] ?? 10_000);
const seed = Number(process.env['HOSTILE_SEED'] ?? 20_240_501);
const plansMin = Math.ceil(statementsMin / 4);
const ungatedMin = Math.ceil(statementsMin / 10);

const readable: readonly Permission[] = [{ sources: ['sales', 'notes'], actions: ['read'] }];
const schemas: PlanSchemas = new Map([
  ['sales', { columns: ['id', 'city', 'doc'].map((name) => ({ name, type: name === 'id' ? 'bigint' : 'string' })) }],
  ['notes', { columns: [{ name: 'doc', type: 'json' }] }],
]);
const tables = [
  { table: 'sales', columns: ['id', 'city', 'doc'] },
  { table: 'notes', columns: ['doc'] },
];

/** In every value that the token may not read. */
const canary = `canary-${randomUUID()}`;

describe(`hostile statements and plans of seed ${seed}`, () => {
  let node: NodeUnderTest;
  let layout: Layout;
  let names: readonly string[];
  const accepted: LogicalPlan[] = [];

  before(async () => {
    node = await createNodeUnderTest();
    const columns = [
      { name: 'id', type: 'bigint' },
      { name: 'city', type: 'string' },
      { name: 'doc', type: 'string' },
    ];
    for (const source_id of ['sales', 'hr', 'payroll']) await call('/sources/add', { source_id, columns });
    await call('/sources/add', { source_id: 'notes' });
    const fields = (text: string) => [1, 2].map((id) => ({ fields: { id, city: text, doc: text } }));
    for (const source_id of ['hr', 'payroll']) await call('/data/write', { source_id, records: fields(canary) });
    await call('/data/write', { source_id: 'sales', records: fields('open') });
    await call('/data/write', { source_id: 'notes', records: [{ fields: { note: 'open' } }] });
    for (const source_id of ['sales', 'hr']) await node.engine.flush(source_id);
    // Fresh rows beside the files: payroll has nothing else.
    await call('/data/write', { source_id: 'hr', records: fields(canary) });
    assert.match((await ask(scanPlan('hr'), everybody())).text, new RegExp(canary));
    assert.match((await ask(scanPlan('payroll'), everybody())).text, new RegExp(canary));
    const folder = join(node.folder, 'data');
    const files = globSync('tables/**/hr/**/*.parquet', { cwd: folder }).map((file) => join(folder, file));
    assert.ok(files.length > 0);
    layout = { tables: join(folder, 'tables'), files, links: join(folder, 'executor') };
    names = hostileNames(layout);
  });
  after(() => node.close());

  it(`${statementsMin} statements read what their token may read, or are refused`, async () => {
    const random = new Random(seed);
    const grammars = dialects.map((dialect) => new StatementGrammar({ random, dialect, names, readable: tables }));
    const counts = { refused: 0, answered: 0, failed: 0 };
    for (let made = 0; made < statementsMin; made += 1) {
      const place = random.below(dialects.length);
      const text = grammars[place]!.statement();
      const plan = parse(text, dialects[place]!);
      if (!plan) {
        counts.refused += 1;
        continue;
      }
      assert.deepEqual(
        plan.tables.map(({ source }) => source).filter((source) => !schemas.has(source)),
        [],
        text,
      );
      if (accepted.length < 1_000) accepted.push(plan);
      const { status } = await requireHarmless(plan, text);
      counts[status === 200 ? 'answered' : 'failed'] += 1;
    }
    // A generator whose statements are all refused at the door would prove nothing of what stands behind it.
    assert.ok(counts.answered > statementsMin / 20, JSON.stringify(counts));
    assert.ok(counts.refused > statementsMin / 20, JSON.stringify(counts));
  });

  it(`${plansMin} mutated plans read what their token may read, or are refused`, async () => {
    const random = new Random(seed + 1);
    const words = [
      ...names,
      'sales',
      'notes',
      'hr',
      'payroll',
      'strftime',
      'scan',
      'cte',
      'select',
      'union',
      'a',
      'id',
      'doc',
    ];
    const counts = { answered: 0, failed: 0 };
    for (let made = 0; made < plansMin; made += 1) {
      const plan = mutatePlan(random.pick(accepted), accepted, words, random);
      const { status } = await requireHarmless(plan, JSON.stringify(plan));
      counts[status === 200 ? 'answered' : 'failed'] += 1;
    }
    assert.ok(counts.answered > plansMin / 50 && counts.failed > plansMin / 20, JSON.stringify(counts));
  });

  it(`${ungatedMin} statements that meet no gate find nothing`, async () => {
    const random = new Random(seed + 2);
    const links = join(layout.links, Buffer.from(canary).toString('hex').slice(0, 32));
    const grammar = new StatementGrammar({
      random,
      dialect: 'duckdb',
      names: [...names, `${links}/kept/*/*.parquet`, `${links}/open/../kept/*/0.parquet`],
      readable: [{ table: '_s0', columns: ['doc'] }],
    });
    const files = await StatementFiles.create({
      disk: systemDisk,
      clock: systemClock,
      folder: links,
      names: new UnguessableNames('secret'),
    });
    const view = { name: '_s9', source: 'hr', columns: [], hasAbsentColumns: false, bounds: [], fresh: [] };
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    for (const setting of lockedSettings({
      filesFolder: files.openFolder,
      secret: '',
      memoryLimit: '256MB',
      threads: 1,
    }))
      await connection.run(setting);
    // Read again and again, and by nobody now: its links are there, and no way leads to them, not even by their names.
    const many = await Promise.all(Array.from({ length: 5 }, (_, index) => copyOf(layout.files[0] ?? '', index)));
    for (let turn = 0; turn < 3; turn += 1) {
      const kept = await files.hold([{ ...view, files: many.map((path) => ({ path, partition: {} })) }]);
      await kept.release();
    }
    const [set] = readdirSync(join(links, 'kept'));
    assert.ok(set);
    for (const place of [`kept/${set}/0.parquet`, `open/${set}/0.parquet`, 'open/../kept/*/*.parquet'])
      assert.equal(await rowsOf(connection, `SELECT * FROM "${links}/${place}"`), undefined, place);
    const held = await files.hold([{ ...view, files: layout.files.map((path) => ({ path, partition: {} })) }]);
    let answered = 0;
    for (let made = 0; made < ungatedMin; made += 1) {
      const text = grammar.statement();
      const rows = await rowsOf(connection, `WITH _s0 AS (SELECT 'open' AS doc) SELECT * FROM (${text}) LIMIT 100`);
      assert.ok(!rows?.includes(canary), text);
      if (rows !== undefined) answered += 1;
    }
    assert.ok(answered > ungatedMin / 20, `${answered} answered`);
    await held.release();
    connection.closeSync();
    instance.closeSync();
  });

  async function copyOf(path: string, index: number): Promise<string> {
    const copy = join(node.folder, 'data', `copy-${index}.parquet`);
    await copyFile(path, copy);
    return copy;
  }

  function parse(text: string, dialect: (typeof dialects)[number]): LogicalPlan | undefined {
    try {
      return parseSql(text, schemas, { dialect, isStrict: true }, []).plan;
    } catch (error) {
      assert.ok(isHybridStoreError(error, 'invalid_request'), `${text}\n${String(error)}`);
      assert.ok(!error.message.includes(canary), text);
      return undefined;
    }
  }

  async function requireHarmless(plan: unknown, what: string) {
    const answer = await ask(plan, node.issuer.userToken(tenant, readable));
    assert.ok(!answer.text.includes(canary), `a value of another source was read: ${what}\n${answer.text}`);
    assert.doesNotMatch(answer.text, /executor\/[0-9a-f]{32}/, `a path was shown: ${what}`);
    // A statement without an end is stopped by its deadline, and nothing else may fail on the side of the node.
    assert.ok(answer.status < 500 || answer.status === 504, `${answer.status}: ${what}\n${answer.text}`);
    return answer;
  }

  function everybody(): string {
    return node.issuer.userToken(tenant);
  }

  async function ask(plan: unknown, token: string) {
    const query_id = `q-${randomUUID().replaceAll('-', '')}`;
    const body = {
      query_id,
      plan,
      consistency: 'strict',
      format: 'rows_json',
      deadline_ms: 2_000,
      result_rows_max: 1_000,
    };
    return call('/internal/execute', body, token);
  }

  async function call(url: string, payload: object, token = everybody()) {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
    return { status: answer.statusCode, text: answer.body };
  }
});

function scanPlan(source: string): LogicalPlan {
  return parseSql(
    `SELECT doc FROM ${source}`,
    new Map([[source, schemas.get('sales')!]]),
    { dialect: 'duckdb', isStrict: true },
    [],
  ).plan;
}

async function rowsOf(connection: Awaited<ReturnType<DuckDBInstance['connect']>>, text: string) {
  try {
    const reader = await connection.runAndReadAll(text);
    return JSON.stringify(reader.getRows(), (_, value) => (typeof value === 'bigint' ? String(value) : value));
  } catch {
    // Refused by the engine, which is as good as nothing read.
    return undefined;
  }
}
