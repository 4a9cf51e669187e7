import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import {
  type CatalogSource,
  type LogicalPlan,
  type ParseResponse,
  queryTextBytesMax,
  type TransformResponse,
} from '@hybridstore/contracts';
import { JwksTokenVerifier, type Server } from '@hybridstore/http';
import { createMetrics, Environment, HybridStoreError, silentLogger, systemClock } from '@hybridstore/runtime';
import { ParserPool } from '@hybridstore/sql';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { corpusSchemas } from '../../../packages/sql/test/corpus-data.ts';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import type { CatalogPort, NodeSources, SourceColumns, SourceList } from '../src/domain/ports.ts';
import { refreshMsMax, schemaAgeMsMax, staleAgeMsMax } from '../src/domain/schema-source.ts';

const folder = createTemporaryFolder('interpreter');
const clock = new FakeClock();
const issuer = new TestIssuer(folder.path, clock);
const token = issuer.userToken('default/acme');
const parser = new ParserPool({ threads: 1, parsingMsMax: 20_000, clock: systemClock, logger: silentLogger });
before(() => parser.start());
const servers: Server[] = [];
after(async () => {
  for (const server of servers) await server.app.close();
  await parser.close();
  folder[Symbol.dispose]();
});

class FakeCatalog implements CatalogPort {
  readonly sourcesById = new Map(corpusSchemas);
  /** `*` for the list, `=` for one that has not changed, the name of a source for a look at it. */
  readonly asked: string[] = [];
  isAway = false;
  isSilent = false;
  listsAsked = 0;
  looksAtOnce = 0;
  #looking = 0;

  async sourcesIfChanged(_token: string, known: string | undefined): Promise<SourceList | undefined> {
    this.listsAsked += 1;
    if (this.isAway) throw new HybridStoreError('unavailable', 'away');
    if (this.isSilent) await new Promise(() => {});
    const sources = [...this.sourcesById.keys()].flatMap((id) => this.#describe(id) ?? []);
    const name = JSON.stringify(sources);
    this.asked.push(name === known ? '=' : '*');
    return name === known ? undefined : { sources, name };
  }

  async source(_token: string, sourceId: string): Promise<CatalogSource | undefined> {
    if (this.isAway) throw new HybridStoreError('unavailable', 'away');
    this.asked.push(sourceId);
    this.#looking += 1;
    this.looksAtOnce = Math.max(this.looksAtOnce, this.#looking);
    const found = this.#describe(sourceId);
    await new Promise(setImmediate);
    this.#looking -= 1;
    return found;
  }

  #describe(source_id: string): CatalogSource | undefined {
    const known = this.sourcesById.get(source_id);
    return known && ({ source_id, columns: known.columns } as unknown as CatalogSource);
  }
}

/** Nodes that are away until a test lets them be there. */
class FakeNodes implements NodeSources {
  readonly sourcesById = new Map(corpusSchemas);
  isAway = true;
  timesAsked = 0;

  async sources(): Promise<readonly SourceColumns[]> {
    this.timesAsked += 1;
    if (this.isAway) throw new HybridStoreError('unavailable', 'away');
    return [...this.sourcesById].map(
      ([source_id, { columns }]) => ({ source_id, columns }) as unknown as SourceColumns,
    );
  }
}

function open(variables: Readonly<Record<string, string>> = {}) {
  const catalog = new FakeCatalog();
  const nodes = new FakeNodes();
  const settings = readConfig(Environment.open('query-interpreter', variables));
  const metrics = createMetrics('query-interpreter');
  const verifier = new JwksTokenVerifier(issuer.jwksFile, clock);
  const { server } = createApp({
    settings,
    catalog,
    nodes,
    parser,
    version: '0',
    logger: silentLogger,
    metrics,
    clock,
    verifier,
  });
  servers.push(server);
  const post = async (url: string, body: unknown, bearer = token) => {
    const answer = await server.app.inject({
      method: 'POST',
      url,
      headers: { authorization: `Bearer ${bearer}` },
      payload: body as object,
    });
    return {
      status: answer.statusCode,
      body: answer.json() as { error: { code: string; message: string; details: Record<string, unknown> } },
    };
  };
  const parse = async (body: unknown): Promise<ParseResponse> => {
    const { status, body: answer } = await post('/parse/sql', body);
    assert.equal(status, 200, JSON.stringify(answer));
    return answer as unknown as ParseResponse;
  };
  return { catalog, nodes, post, parse, metrics };
}

/** Time passes until there is an answer; at most a minute of it. */
async function advanceUntilSettled(answer: Promise<unknown>): Promise<void> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  answer.then(settle, settle);
  await advanceUntil(() => isSettled);
}

/** The question is on its way in turns of the loop, which take no time. */
async function isAsked(catalog: FakeCatalog, times: number): Promise<void> {
  while (catalog.listsAsked < times) await new Promise(setImmediate);
}

async function advanceUntil(isReached: () => boolean): Promise<void> {
  for (let turn = 0; turn < 600 && !isReached(); turn += 1) {
    await clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe('POST /parse/sql', () => {
  test('gives the plan, its tables and functions for the example of the documentation', async () => {
    const { parse } = open();
    const answer = await parse({
      query:
        "SELECT customer_id, SUM(amount) as total FROM sales WHERE order_date >= '2024-01-01' GROUP BY customer_id ORDER BY total DESC",
    });
    assert.deepEqual(answer.tables, ['sales']);
    assert.deepEqual(answer.functions, ['sum']);
    assert.equal(answer.dialect, 'mysql');
    assert.equal(answer.cross_check, 'agreed');
    assert.equal(answer.cached, false);
    assert.deepEqual(answer.parsed_query.tables, [
      { source: 'sales', columns: ['amount', 'customer_id', 'order_date'] },
    ]);
  });

  test('a statement that differs in white space and comments only comes from the cache', async () => {
    const { parse } = open();
    const first = await parse({ query: 'SELECT order_id FROM sales' });
    const again = await parse({ query: '  SELECT  order_id /* same */\nFROM sales -- end' });
    assert.equal(again.cached, true);
    assert.deepEqual(again.parsed_query, first.parsed_query);
  });

  test('a plan says what its answer will not show, from the cache too', async () => {
    const { parse } = open();
    const query = 'SELECT CAST(note AS SIGNED) AS n FROM sales WHERE note = :n ORDER BY order_date';
    const first = await parse({ query, parameters: { n: 'a' } });
    const again = await parse({ query, parameters: { n: 'b' } });
    assert.deepEqual([first.cached, again.cached], [false, true]);
    for (const { parsed_query: plan } of [first, again])
      assert.deepEqual(
        plan.warnings?.map(({ code }) => code),
        ['text_read_as_number', 'binary_text_comparison'],
      );
    assert.equal((await parse({ query: 'SELECT order_id FROM sales' })).parsed_query.warnings, undefined);
  });

  test('literals become parameters where that is asked for, and the statement has none of its own', async () => {
    const { parse } = open();
    const query = "SELECT order_id FROM sales WHERE order_id = 5 AND customer_id = 'C1' LIMIT 3";
    const [plain, lifted] = [await parse({ query }), await parse({ query, lift_literals: true })];
    assert.deepEqual([plain.parsed_query.parameters, plain.lifted_literals], [[], undefined]);
    assert.deepEqual(lifted.lifted_literals, [
      { literal: 0, type: 'bigint' },
      { literal: 1, type: 'string' },
    ]);
    assert.deepEqual(lifted.parsed_query.parameters, [
      { type: 'bigint', value: 5 },
      { type: 'string', value: 'C1' },
    ]);
    assert.deepEqual(lifted.parameter_keys, []);
    const again = await parse({ query, lift_literals: true });
    assert.deepEqual([again.cached, again.parsed_query], [true, lifted.parsed_query]);
    const own = await parse({ query: `${query} OFFSET ?`, parameters: [1], lift_literals: true });
    assert.deepEqual([own.parsed_query.parameters.length, own.lifted_literals], [1, undefined]);
  });

  test('a cached plan carries the values of this request, in the places they belong to', async () => {
    const { parse } = open();
    const query = 'SELECT order_id FROM sales WHERE quantity > :q AND note = :n';
    await parse({ query, parameters: { q: 1, n: 'a' } });
    const again = await parse({ query, parameters: { n: 'b', q: 2 } });
    assert.equal(again.cached, true);
    assert.deepEqual(again.parsed_query.parameters, [
      { type: 'bigint', value: 2 },
      { type: 'string', value: 'b' },
    ]);
  });

  test('a parameter of another type is another plan', async () => {
    const { parse } = open();
    await parse({ query: 'SELECT ? AS x', parameters: [1] });
    assert.equal((await parse({ query: 'SELECT ? AS x', parameters: ['1'] })).cached, false);
    assert.equal((await parse({ query: 'SELECT ? AS x', parameters: [null] })).cached, false);
  });

  test('parameters that are missing or not used are refused', async () => {
    const { post } = open();
    const missing = await post('/parse/sql', { query: 'SELECT ? AS a, ? AS b', parameters: [1] });
    assert.equal(missing.status, 400);
    assert.match(missing.body.error.message, /parameter 2 has no value/);
    const unused = await post('/parse/sql', { query: 'SELECT ? AS a', parameters: [1, 2] });
    assert.match(unused.body.error.message, /does not use 2/);
  });

  test('a text that is no value of what it meets is refused by its parameter, from the cache too', async () => {
    const { post, parse } = open();
    const refusals: readonly [string, object, RegExp][] = [
      [
        'SELECT order_id FROM sales WHERE order_id > ?',
        ['x'],
        /^parameter 1: expected a whole number of 64 bits, found "x"$/,
      ],
      ['SELECT order_id FROM sales WHERE order_id IN (1, ?)', ['1.5'], /^parameter 1: expected a whole number/],
      [
        'SELECT order_id FROM sales WHERE order_id = ?',
        ['9223372036854775808'],
        /^parameter 1: expected a whole number/,
      ],
      [
        'SELECT order_id FROM sales WHERE amount BETWEEN ? AND ?',
        ['1', 'y'],
        /^parameter 2: expected a number, found "y"$/,
      ],
      [
        'SELECT order_id FROM sales WHERE order_date >= :day',
        { day: '2024-02-30' },
        /^parameter :day: expected a time, .*found "2024-02-30"$/,
      ],
      ['SELECT order_id FROM sales WHERE active = ?', ['maybe'], /^parameter 1: expected true or false/],
      ['SELECT ? + 1', ['one'], /^parameter 1: expected a number/],
      ['SELECT abs(?), -?', ['1', 'one'], /^parameter 2: expected a number/],
      ['SELECT cast(? AS date)', ['soon'], /^parameter 1: expected a date, YYYY-MM-DD, found "soon"$/],
      ['SELECT order_date + INTERVAL ? DAY FROM sales', ['two'], /^parameter 1: expected a whole number/],
      ['SELECT order_id FROM sales LIMIT ?', [-1], /^parameter 1: expected a whole number from 0, found -1$/],
    ];
    for (const [query, parameters, message] of refusals) {
      const { status, body } = await post('/parse/sql', { query, parameters });
      assert.equal(status, 400, query);
      assert.match(body.error.message, message, query);
      assert.equal(body.error.details['field'], 'parameters', query);
    }
    const query = 'SELECT order_id FROM sales WHERE order_id > ?';
    assert.equal((await parse({ query, parameters: ['5'] })).cached, false);
    assert.equal((await parse({ query, parameters: ['7'] })).cached, true);
    assert.match((await post('/parse/sql', { query, parameters: ['x'] })).body.error.message, /found "x"$/);
  });

  test('a text parameter beside a text stays one, and one of several uses is each of them', async () => {
    const { parse } = open();
    const types = async (query: string, parameters: object) => {
      const answer = await parse({ query, parameters });
      return answer.parsed_query.parameters.map((parameter) => parameter.type);
    };
    assert.deepEqual(await types("SELECT order_id FROM sales WHERE customer_id = ? AND ? <> 'a'", ['7', '7']), [
      'string',
      'string',
    ]);
    assert.deepEqual(await types('SELECT order_id FROM sales WHERE order_id = :a OR customer_id = :a', { a: '7' }), [
      'string',
      'bigint',
    ]);
    assert.deepEqual(await types('SELECT order_id FROM sales WHERE order_id = ?', ['7']), ['bigint']);
  });

  test('an unknown column is answered with its place and the nearest name', async () => {
    const { post } = open();
    const { status, body } = await post('/parse/sql', { query: 'SELECT order_id\nFROM sales\nWHERE amuont > 5' });
    assert.equal(status, 400);
    assert.equal(body.error.code, 'invalid_request');
    assert.equal(body.error.message, 'column amuont does not exist, did you mean amount? (line 3, column 7)');
    assert.equal(body.error.details['nearest'], 'amount');
    assert.deepEqual([body.error.details['line'], body.error.details['column']], [3, 7]);
  });

  test('an unknown table and function are answered with the nearest name', async () => {
    const { post } = open();
    const table = await post('/parse/sql', { query: 'SELECT 1 FROM sale' });
    assert.equal(table.body.error.message, 'table sale does not exist, did you mean sales? (line 1, column 15)');
    const called = await post('/parse/sql', { query: 'SELECT  uper(note) FROM sales' });
    assert.equal(
      called.body.error.message,
      'function uper does not exist or is not allowed, did you mean upper? (line 1, column 9)',
    );
  });

  test('a syntax error names its line and column', async () => {
    const { post } = open();
    const { status, body } = await post('/parse/sql', { query: 'SELECT order_id\nFROM sales WHERE (' });
    assert.equal(status, 400);
    assert.equal(body.error.details['line'], 2);
  });

  const bigint = { columns: [{ name: 'a', type: 'bigint' }] };

  test('a source made a moment ago is found, by one look', async () => {
    const { catalog, parse } = open();
    await parse({ query: 'SELECT order_id FROM sales' });
    catalog.sourcesById.set('brand_new', bigint);
    assert.deepEqual((await parse({ query: 'SELECT a FROM brand_new' })).tables, ['brand_new']);
    await parse({ query: 'SELECT a, a FROM brand_new' });
    assert.deepEqual(catalog.asked, ['*', 'brand_new']);
  });

  test('so is one that was asked for the moment before, and two in one statement', async () => {
    const { catalog, post, parse } = open();
    assert.equal((await post('/parse/sql', { query: 'SELECT a FROM one' })).status, 400);
    catalog.sourcesById.set('one', bigint).set('other', bigint);
    const { tables } = await parse({ query: 'SELECT one.a FROM one, other' });
    assert.deepEqual([...tables].sort(), ['one', 'other']);
    assert.equal((await post('/parse/dsl', { query: { query_type: 'filter', source: 'third' } })).status, 400);
    catalog.sourcesById.set('third', bigint);
    assert.equal((await post('/parse/dsl', { query: { query_type: 'filter', source: 'third' } })).status, 200);
  });

  test('a column that was added a moment ago is found at the source that has it', async () => {
    const { catalog, parse } = open();
    await parse({ query: 'SELECT order_id FROM sales' });
    const { columns } = catalog.sourcesById.get('sales')!;
    catalog.sourcesById.set('sales', { columns: [...columns, { name: 'added', type: 'bigint' }] });
    assert.deepEqual((await parse({ query: 'SELECT `added` FROM sales WHERE order_id > 0' })).tables, ['sales']);
    assert.deepEqual(catalog.asked, ['*', 'sales']);
  });

  for (const query of [
    'SELECT * FROM customers',
    'SELECT c.* FROM customers AS c',
    'SELECT 1 AS one, * FROM customers',
    'SELECT order_id FROM sales WHERE customer_id IN (SELECT x.added FROM (SELECT * FROM customers) AS x)',
  ])
    test(`a column that was added a moment ago is among all that there are: ${query}`, async () => {
      const { catalog, parse } = open();
      await parse({ query: 'SELECT name FROM customers' });
      const { columns } = catalog.sourcesById.get('customers')!;
      catalog.sourcesById.set('customers', { columns: [...columns, { name: 'added', type: 'string' }] });
      const { parsed_query } = await parse({ query });
      const customers = parsed_query.tables.find(({ source }) => source === 'customers');
      assert.ok(customers?.columns.includes('added'), JSON.stringify(parsed_query.tables));
    });

  test('what names its columns is not looked for again, a star that multiplies included', async () => {
    const { catalog, parse } = open();
    for (const query of ['SELECT order_id FROM sales', 'SELECT amount * 2, count(*) FROM sales GROUP BY amount * 2'])
      await parse({ query });
    assert.deepEqual(catalog.asked, ['*']);
  });

  test('all columns are those that were read last while the catalog is away', async () => {
    const { catalog, parse } = open();
    await parse({ query: 'SELECT name FROM customers' });
    catalog.isAway = true;
    assert.deepEqual((await parse({ query: 'SELECT * FROM customers' })).tables, ['customers']);
  });

  test('a source that is gone is not known any more once it was looked for', async () => {
    const { catalog, parse, post } = open();
    await parse({ query: 'SELECT order_id FROM sales' });
    catalog.sourcesById.delete('sales');
    assert.equal((await post('/parse/sql', { query: 'SELECT nothing FROM sales' })).status, 400);
    assert.match(
      (await post('/parse/sql', { query: 'SELECT order_id FROM sales' })).body.error.message,
      /does not exist/,
    );
  });

  test('however many wait for a source, one look goes on at a time, and what cannot be one is not looked for', async () => {
    const { catalog, post } = open();
    const crowd = Array.from({ length: 50 }, () => post('/parse/sql', { query: 'SELECT 1 FROM nowhere' }));
    for (const { status } of await Promise.all(crowd)) assert.equal(status, 400);
    assert.equal(catalog.looksAtOnce, 1);
    const before = catalog.asked.length;
    await post('/parse/sql', { query: 'SELECT 1 FROM `no source ever`' });
    await post('/parse/sql', { query: 'SELECT 1 FROM (' });
    assert.equal(catalog.asked.length, before);
  });

  test('a list that has not changed is not sent again, and one that was added to by looks is', async () => {
    const { catalog, parse } = open();
    const query = 'SELECT order_id FROM sales';
    await parse({ query });
    await clock.advance(schemaAgeMsMax);
    assert.equal((await parse({ query })).cached, true);
    catalog.sourcesById.set('brand_new', bigint);
    await parse({ query: 'SELECT a FROM brand_new' });
    await clock.advance(schemaAgeMsMax);
    await parse({ query });
    await clock.advance(schemaAgeMsMax);
    catalog.sourcesById.delete('sales');
    assert.deepEqual((await parse({ query: 'SELECT a FROM brand_new' })).tables, ['brand_new']);
    assert.deepEqual(catalog.asked, ['*', '=', 'brand_new', '*', '*']);
  });

  test('a changed schema makes a new plan once the kept one is too old', async () => {
    const { catalog, parse } = open();
    await parse({ query: 'SELECT * FROM customers' });
    catalog.sourcesById.set('customers', {
      columns: [
        { name: 'customer_id', type: 'string' },
        { name: 'email', type: 'string' },
      ],
    });
    await clock.advance(schemaAgeMsMax);
    const answer = await parse({ query: 'SELECT * FROM customers' });
    assert.equal(answer.cached, false);
    assert.deepEqual(answer.parsed_query.tables, [{ source: 'customers', columns: ['customer_id', 'email'] }]);
  });

  test('who was not seen here before is answered by what the nodes know while the catalog is away', async () => {
    const { catalog, nodes, parse, post } = open();
    catalog.isAway = true;
    nodes.isAway = false;
    nodes.sourcesById.delete('customers');
    assert.deepEqual((await parse({ query: 'SELECT order_id FROM sales' })).tables, ['sales']);
    assert.equal(nodes.timesAsked, 1);
    assert.deepEqual((await parse({ query: 'SELECT amount FROM sales' })).tables, ['sales']);
    assert.equal(nodes.timesAsked, 1);
    assert.equal((await post('/parse/sql', { query: 'SELECT name FROM customers' })).status, 400);
    // What was made meanwhile is found there too.
    nodes.sourcesById.set('brand_new', bigint);
    assert.deepEqual((await parse({ query: 'SELECT a FROM brand_new' })).tables, ['brand_new']);
    // The catalog is asked once a second, and goes on from where it is.
    assert.equal(catalog.listsAsked, 1);
    await clock.advance(schemaAgeMsMax);
    catalog.isAway = false;
    assert.deepEqual((await parse({ query: 'SELECT name FROM customers' })).tables, ['customers']);
  });

  test('a catalog that says nothing is not waited for where a node answers', async () => {
    const { catalog, nodes, parse } = open();
    catalog.isSilent = true;
    nodes.isAway = false;
    const answer = parse({ query: 'SELECT order_id FROM sales' });
    await isAsked(catalog, 1);
    await clock.advance(refreshMsMax);
    // No more time passes.
    assert.deepEqual((await answer).tables, ['sales']);
  });

  test('what the nodes refuse for good is an answer', async () => {
    const { catalog, nodes, post } = open();
    catalog.isAway = true;
    nodes.sources = () => Promise.reject(new HybridStoreError('not_found', 'no such tenant'));
    assert.equal((await post('/parse/sql', { query: 'SELECT order_id FROM sales' })).status, 404);
  });

  test('without the catalog and the nodes the caller is asked to come back', async () => {
    const { catalog, post } = open();
    catalog.isAway = true;
    const answer = post('/parse/sql', { query: 'SELECT 1' });
    await advanceUntilSettled(answer);
    assert.equal((await answer).status, 503);
  });

  test('who was not seen here before waits for a catalog that is replaced', async () => {
    const { catalog, post } = open();
    catalog.isAway = true;
    const answer = post('/parse/sql', { query: 'SELECT order_id FROM sales' });
    await advanceUntil(() => catalog.listsAsked >= 3);
    catalog.isAway = false;
    await advanceUntilSettled(answer);
    assert.equal((await answer).status, 200);
  });

  test('statements go on with the schemas that were read last while the catalog is away, for five minutes', async () => {
    const { catalog, parse, post, metrics } = open();
    await parse({ query: 'SELECT order_id FROM sales' });
    catalog.isAway = true;
    await clock.advance(schemaAgeMsMax);
    assert.deepEqual((await parse({ query: 'SELECT amount FROM sales' })).tables, ['sales']);
    assert.deepEqual((await parse({ query: 'SELECT * FROM sales' })).tables, ['sales']);
    // Asked once: for a second it is left alone.
    assert.equal(catalog.listsAsked, 2);
    assert.match(await metrics.metrics(), /hybridstore_interpreter_stale_schemas_total\S* 2/);
    await clock.advance(staleAgeMsMax - schemaAgeMsMax - 1);
    assert.equal((await post('/parse/sql', { query: 'SELECT amount FROM sales' })).status, 200);
    await clock.advance(1);
    const late = post('/parse/sql', { query: 'SELECT amount FROM sales' });
    await advanceUntilSettled(late);
    assert.equal((await late).status, 503);
    catalog.isAway = false;
    catalog.sourcesById.delete('sales');
    const gone = post('/parse/sql', { query: 'SELECT amount FROM sales' });
    await advanceUntilSettled(gone);
    assert.equal((await gone).status, 400);
  });

  test('schemas of before are for the very permissions with which they were read', async () => {
    const { catalog, parse, post } = open();
    await parse({ query: 'SELECT order_id FROM sales' });
    catalog.isAway = true;
    const narrowed = issuer.userToken('default/acme', [{ sources: ['customers'], actions: ['read'] }]);
    const answer = post('/parse/sql', { query: 'SELECT order_id FROM sales' }, narrowed);
    await advanceUntilSettled(answer);
    assert.equal((await answer).status, 503);
  });

  test('a catalog that takes the question and says nothing costs a statement a moment, and the next ones nothing', async () => {
    const { catalog, parse } = open();
    await parse({ query: 'SELECT order_id FROM sales' });
    await clock.advance(schemaAgeMsMax);
    catalog.isSilent = true;
    const answer = parse({ query: 'SELECT amount FROM sales' });
    await isAsked(catalog, 2);
    await clock.advance(refreshMsMax);
    assert.deepEqual((await answer).tables, ['sales']);
    assert.deepEqual((await parse({ query: 'SELECT order_id, amount FROM sales' })).tables, ['sales']);
  });

  test('tokens without a right to read are refused, and so is text that is too long', async () => {
    const { post } = open();
    assert.equal((await post('/parse/sql', { query: 'SELECT 1' }, issuer.userToken('default/acme', []))).status, 403);
    assert.equal((await post('/parse/sql', { query: `SELECT '${'x'.repeat(queryTextBytesMax)}'` })).status, 400);
    assert.equal((await post('/parse/sql', { query: 'SELECT 1', dialect: 'oracle' })).status, 400);
  });

  test('ten thousand terms and a thousand parentheses are answered or refused, and the service goes on', async () => {
    const { post, parse } = open();
    const terms = `SELECT ${Array.from({ length: 10_000 }, (_, index) => index % 10).join('+')} AS x`;
    assert.ok([200, 400].includes((await post('/parse/sql', { query: terms })).status));
    const nested = `SELECT ${'('.repeat(1_000)}1${')'.repeat(1_000)} AS x`;
    assert.ok([200, 400].includes((await post('/parse/sql', { query: nested })).status));
    assert.deepEqual((await parse({ query: 'SELECT 1 AS one' })).tables, []);
  });
});

describe('POST /parse/dsl', () => {
  const example = {
    query_type: 'filter',
    source: 'sales',
    conditions: [{ field: 'amount', operator: 'gt', value: 100 }],
  };

  test('gives a plan with the values as parameters', async () => {
    const { post } = open();
    const { status, body } = await post('/parse/dsl', { query: example });
    assert.equal(status, 200);
    const { parsed_query, query_type, cross_check } = body as unknown as ParseResponse;
    assert.deepEqual(parsed_query.parameters, [{ type: 'double', value: 100 }]);
    assert.deepEqual([query_type, cross_check], ['dsl', 'not_asked']);
  });

  test('an unknown field and a value of another type are refused by name', async () => {
    const { post } = open();
    const field = await post('/parse/dsl', {
      query: { ...example, conditions: [{ field: 'amuont', operator: 'gt', value: 1 }] },
    });
    assert.match(field.body.error.message, /field amuont.*did you mean amount\?/);
    const value = await post('/parse/dsl', {
      query: { ...example, conditions: [{ field: 'amount', operator: 'gt', value: 'much' }] },
    });
    assert.equal(value.status, 400);
    assert.equal(value.body.error.details['expected'], 'double');
  });

  test('with validation off the engine converts what does not fit', async () => {
    const { post } = open({ DSL_VALIDATION_ENABLED: 'false' });
    const { status } = await post('/parse/dsl', {
      query: { ...example, conditions: [{ field: 'note', operator: 'eq', value: 5 }] },
    });
    assert.equal(status, 200);
  });
});

describe('POST /transform/query', () => {
  const nested = 'SELECT t.customer_id FROM (SELECT customer_id, amount, note FROM sales) AS t WHERE t.amount > 1 + 2';

  test('shows the rewritten plan, its text, its tree and the steps that changed it', async () => {
    const { parse, post } = open({ CONFIG_FILE: writeSettings({ query_transformer: { push_down_filters: true } }) });
    const { parsed_query } = await parse({ query: nested });
    const { status, body } = await post('/transform/query', { parsed_query, optimization_level: 'aggressive' });
    assert.equal(status, 200);
    const answer = body as unknown as TransformResponse;
    assert.match(answer.execution_plan.sql, /WHERE \("sales"\."amount" > 3\)/);
    assert.match(answer.execution_plan.tree, /scan sales as sales \(customer_id, amount\)/);
    assert.equal(answer.optimization_level, 'aggressive');
    assert.deepEqual(
      answer.steps.map((step) => step.name),
      ['fold_constants', 'push_down_filters', 'join_by_conditions', 'prune_columns'],
    );
  });

  test('a plan that no parser made is refused', async () => {
    const { parse, post } = open();
    const { parsed_query } = await parse({ query: 'SELECT order_id FROM sales' });
    const forged: readonly (readonly [string, unknown])[] = [
      ['an unknown kind', edit(parsed_query, ['query', 'body', 'kind'], 'copy')],
      ['an unknown field', edit(parsed_query, ['query', 'sql'], 'DROP TABLE sales')],
      ['an unknown source', edit(parsed_query, ['query', 'body', 'from', 'source'], 'secrets')],
      [
        'a column that is not there',
        edit(parsed_query, ['query', 'body', 'projections', 0, 'value', 'name'], 'password'),
      ],
      ['tables that hide a scan', edit(parsed_query, ['tables'], [])],
      [
        'a function that is not on the list',
        edit(parsed_query, ['query', 'body', 'projections', 0, 'value'], {
          kind: 'call',
          function: 'read_text',
          arguments: [],
        }),
      ],
      [
        'a parameter without a value',
        edit(parsed_query, ['query', 'body', 'projections', 0, 'value'], { kind: 'parameter', index: 3 }),
      ],
      [
        'a literal that is no number',
        edit(parsed_query, ['query', 'body', 'projections', 0, 'value'], {
          kind: 'literal',
          type: 'bigint',
          value: '1); SELECT 2; --',
        }),
      ],
      ['a text', 'SELECT 1'],
      ['the placeholder of the documentation', '<parsed_query_from_previous_step>'],
    ];
    for (const [name, plan] of forged) {
      const { status, body } = await post('/transform/query', { parsed_query: plan });
      assert.deepEqual([name, status, body.error?.code], [name, 400, 'invalid_request']);
    }
  });
});

describe('configuration', () => {
  test('SQLGLOT_DIALECT is another name of SQL_DIALECT, which wins', () => {
    assert.equal(readConfig(new Environment({ SQLGLOT_DIALECT: 'duckdb' })).dialect, 'duckdb');
    assert.equal(
      readConfig(new Environment({ SQLGLOT_DIALECT: 'duckdb', SQL_DIALECT: 'postgresql' })).dialect,
      'postgresql',
    );
    assert.throws(
      () => readConfig(new Environment({ SQL_DIALECT: 'oracle' })),
      /SQL_DIALECT: expected one of mysql, postgresql, duckdb, found oracle/,
    );
  });

  test('supported_functions narrows what may be called', async () => {
    const { post } = open({
      CONFIG_FILE: writeSettings({
        sql_parser: { dialect: 'mysql', strict_mode: true, supported_functions: ['SUM', 'COUNT'] },
      }),
    });
    assert.equal((await post('/parse/sql', { query: 'SELECT sum(amount), count(*) FROM sales' })).status, 200);
    assert.match(
      (await post('/parse/sql', { query: 'SELECT avg(amount) FROM sales' })).body.error.message,
      /avg is not among the supported functions/,
    );
  });

  test('settings that are unknown, or promise custom functions, stop the start', () => {
    assert.throws(
      () => open({ CONFIG_FILE: writeSettings({ sql_parser: { dialec: 'mysql' } }) }),
      /config-\d+\.json: sql_parser\.dialec/,
    );
    assert.throws(
      () => open({ CONFIG_FILE: writeSettings({ sql_parser: { dialect: 'oracle' } }) }),
      /config-\d+\.json: sql_parser\.dialect: expected .*"mysql".*, found "oracle"/,
    );
    assert.throws(
      () => open({ CONFIG_FILE: writeSettings({ dsl_parser: { allow_custom_functions: true } }) }),
      /config-\d+\.json: dsl_parser\.allow_custom_functions: expected false, found true/,
    );
  });
});

describe('the parser pool', () => {
  test('a statement that takes too long is refused, its thread replaced, and the next one answers', async () => {
    const fake = new FakeClock();
    const pool = new ParserPool({ threads: 1, parsingMsMax: 1_000, clock: fake, logger: silentLogger });
    await pool.start();
    const task = {
      text: 'SELECT 1 AS x',
      dialect: 'mysql',
      schemas: corpusSchemas,
      parameters: [],
      isStrict: true,
      steps: [],
    } as const;
    // Hundreds of milliseconds of work, while the fake clock passes its second within a few turns of the loop.
    const long = `SELECT ${Array.from({ length: 9_000 }, (_, index) => index % 10).join('+')} AS x`;
    const late = assert.rejects(pool.parse({ ...task, text: long }, callOf('user:ada')), {
      code: 'deadline_exceeded',
    });
    await Promise.resolve();
    await Promise.resolve();
    void fake.advance(1_000);
    await late;
    assert.deepEqual((await pool.parse(task, callOf('user:ada'))).plan.tables, []);
    await pool.close();
  });

  test('users take turns, so that the statements of one do not hold up those of another', async () => {
    const pool = new ParserPool({ threads: 1, parsingMsMax: 20_000, clock: systemClock, logger: silentLogger });
    await pool.start();
    const statement = { dialect: 'mysql', schemas: corpusSchemas, parameters: [], isStrict: true, steps: [] } as const;
    const order: string[] = [];
    const ask = async (user: string, name: string) => {
      await pool.parse({ ...statement, text: `SELECT '${name}' AS x` }, callOf(user));
      order.push(name);
    };
    await Promise.all([ask('eve', 'e1'), ask('eve', 'e2'), ask('eve', 'e3'), ask('ada', 'a1')]);
    assert.deepEqual(order, ['e1', 'e2', 'a1', 'e3']);
    await pool.close();
  });
});

const callOf = (user: string) => ({
  owner: { tenant: 'default/acme', user },
  signal: new AbortController().signal,
});

let settingsFiles = 0;
function writeSettings(settings: unknown): string {
  settingsFiles += 1;
  const path = `${folder.path}/config-${settingsFiles}.json`;
  writeFileSync(path, JSON.stringify(settings));
  return path;
}

/** A plan with one thing changed, as a client might post it. `path` leads to what is replaced. */
function edit(plan: LogicalPlan, path: readonly (string | number)[], value: unknown): unknown {
  const copy: unknown = structuredClone(plan);
  let at = copy as Record<string | number, unknown>; // plans are plain objects and lists
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  at[path.at(-1) ?? ''] = value;
  return copy;
}
