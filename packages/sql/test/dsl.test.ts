import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import {
  type AggregateRequest,
  type DslQuery,
  type Filter,
  type FilterQuery,
  isHybridStoreError,
  type LogicalPlan,
  type SearchRequest,
} from '@hybridstore/contracts';
import { checkPlan, optimizePlan, stepsOfLevel } from '@hybridstore/plan';
import { compileAggregate, compileDsl, compileSearch } from '../src/dsl/compile-dsl.ts';
import { corpusSchemas, openCorpus, runPlan } from './corpus-data.ts';

/** The type of the schema is mutable, that of a filter is not. */
const asQuery = (query: Omit<FilterQuery, 'conditions'> & { readonly conditions: readonly Filter[] }) =>
  query as FilterQuery;

describe('the DSL answers on equal data', () => {
  let connection: DuckDBConnection;
  before(async () => {
    connection = await openCorpus();
  });
  after(() => connection.closeSync());

  const rowsOf = async (plan: LogicalPlan): Promise<readonly unknown[][]> => {
    checkPlan(plan, corpusSchemas);
    const { rows } = await runPlan(connection, plan);
    assert.deepEqual((await runPlan(connection, optimizePlan(plan, stepsOfLevel('aggressive')).plan)).rows, rows);
    return rows;
  };
  const ids = async (source: string, column: string, ...conditions: Filter[]) => {
    const query = asQuery({
      query_type: 'filter',
      source,
      columns: [column],
      conditions,
      order_by: [{ field: column }],
    });
    return (await rowsOf(compileDsl(query, corpusSchemas))).map(([value]) => value);
  };

  const onSales: readonly (readonly [string, Filter, readonly string[]])[] = [
    ['eq', { field: 'customer_id', operator: 'eq', value: 'C1' }, ['1', '3', '8']],
    ['ne leaves null out', { field: 'customer_id', operator: 'ne', value: 'C1' }, ['2', '4', '5', '7']],
    ['gt on a double', { field: 'amount', operator: 'gt', value: 10.5 }, ['2', '6']],
    ['eq on a decimal keeps its digits', { field: 'price', operator: 'eq', value: '0.01' }, ['5']],
    ['lte on a date', { field: 'day', operator: 'lte', value: '2024-01-01' }, ['1', '7', '8']],
    [
      'gte on a timestamp with an offset',
      { field: 'order_date', operator: 'gte', value: '2024-12-31T19:45:00+01:00' },
      ['6'],
    ],
    ['in', { field: 'order_id', operator: 'in', value: [1, 4, 99] }, ['1', '4']],
    ['in with null', { field: 'customer_id', operator: 'in', value: ['C3', null] }, ['4', '6']],
    ['in of nothing', { field: 'order_id', operator: 'in', value: [] }, []],
    [
      'not_in of nothing',
      { field: 'order_id', operator: 'not_in', value: [] },
      ['1', '2', '3', '4', '5', '6', '7', '8'],
    ],
    ['not_in', { field: 'order_id', operator: 'not_in', value: [1, 2, 3, 4, 5] }, ['6', '7', '8']],
    ['between', { field: 'quantity', operator: 'between', value: [4, 5] }, ['2', '7']],
    ['like compares letters exactly', { field: 'note', operator: 'like', value: 'f%' }, ['1']],
    ['like with an escape', { field: 'note', operator: 'like', value: '50\\%%' }, ['3']],
    ['not_like leaves null out', { field: 'note', operator: 'not_like', value: '%t' }, ['3', '4', '5', '6', '8']],
    ['regex', { field: 'note', operator: 'regex', value: '^[fF]irst$' }, ['1', '7']],
    ['contains', { field: 'note', operator: 'contains', value: "'" }, ['5']],
    ['starts_with', { field: 'note', operator: 'starts_with', value: 'żó' }, ['6']],
    ['is_null', { field: 'note', operator: 'is_null' }, ['2']],
    ['is_null false', { field: 'quantity', operator: 'is_null', value: false }, ['1', '2', '3', '4', '6', '7', '8']],
    ['eq null', { field: 'amount', operator: 'eq', value: null }, ['4']],
    ['a boolean', { field: 'active', operator: 'eq', value: false }, ['2', '6']],
    [
      'or of and',
      {
        or: [
          {
            and: [
              { field: 'active', operator: 'eq', value: true },
              { field: 'amount', operator: 'gt', value: 10 },
            ],
          },
          { not: { field: 'order_id', operator: 'lt', value: 7 } },
        ],
      },
      ['1', '7', '8'],
    ],
  ];
  for (const [name, filter, expected] of onSales) {
    test(`${name} on a typed column`, async () => assert.deepEqual(await ids('sales', 'order_id', filter), expected));
  }

  const onMovies: readonly (readonly [string, Filter, readonly string[]])[] = [
    ['a number beside a number', { field: 'year', operator: 'gt', value: 2000 }, ['1917', 'Up']],
    [
      'a text that is a number beside a number',
      { field: 'rating.imdb', operator: 'gte', value: 8.3 },
      ['1917', 'Alien', 'Heat'],
    ],
    ['a number beside a text', { field: 'title', operator: 'eq', value: '1917' }, ['1917']],
    ['a path with the name of the document', { field: 'doc.title', operator: 'eq', value: 'Up' }, ['Up']],
    ['a place in an array', { field: 'tags.0', operator: 'eq', value: 'horror' }, ['Alien']],
    ['an item of an array', { field: 'tags', operator: 'contains', value: 'space' }, ['Alien']],
    ['a part of a text', { field: 'title', operator: 'contains', value: 'ea' }, ['Heat']],
    ['JSON null is null', { field: 'gross', operator: 'is_null' }, ['1917', 'Heat', 'Up']],
    ['JSON null exists', { field: 'gross', operator: 'exists' }, ['Alien', 'Up']],
    ['a path that is not there', { field: 'tags', operator: 'exists', value: false }, ['Heat']],
    ['in of numbers and texts', { field: 'title', operator: 'in', value: ['Heat', 1917] }, ['1917', 'Heat']],
  ];
  for (const [name, filter, expected] of onMovies) {
    test(`${name} in a document`, async () => {
      const titles = await ids('movies', 'title', filter);
      assert.deepEqual(
        titles.map((title) => String(JSON.parse(String(title)))),
        expected,
      );
    });
  }

  test('aggregates by group with having, as the example of the documentation does', async () => {
    const query: DslQuery = {
      query_type: 'aggregate',
      source: 'sales',
      group_by: ['customer_id'],
      aggregations: [
        { function: 'sum', field: 'amount', alias: 'total_spent' },
        { function: 'count', field: '*', alias: 'order_count' },
      ],
      having: [{ field: 'order_count', operator: 'gte', value: 2 }],
      order_by: [{ field: 'total_spent', direction: 'desc' }],
    };
    assert.deepEqual(await rowsOf(compileDsl(query, corpusSchemas)), [
      ['C1', 28.25, '3'],
      ['C2', 25, '2'],
    ]);
  });

  test('aggregates paths of documents: numbers where all are, groups as JSON', async () => {
    const request: AggregateRequest = {
      source_id: 'movies',
      aggregations: [
        { function: 'avg', field: 'rating.imdb' },
        { function: 'max', field: 'year' },
        { function: 'min', field: 'title' },
        { function: 'count', field: 'gross' },
        { function: 'count_distinct', field: 'rating.imdb' },
      ],
    };
    // The text "8.3" and the number 8.3 are two values.
    assert.deepEqual(await rowsOf(compileAggregate(request, corpusSchemas)), [[8.325, '2019', '"1917"', '1', '4']]);
  });

  test('an aggregation without groups answers one row for no rows', async () => {
    const request: AggregateRequest = {
      source_id: 'empty_source',
      aggregations: [
        { function: 'count', field: '*' },
        { function: 'sum', field: 'a' },
      ],
    };
    assert.deepEqual(await rowsOf(compileAggregate(request, corpusSchemas)), [['0', null]]);
  });

  const search = async (request: SearchRequest) =>
    (await rowsOf(compileSearch(request, corpusSchemas))).map(([source, fields]) => [
      source,
      JSON.parse(String(fields)),
    ]);

  test('a search gives records as JSON, digits kept and timestamps in UTC', async () => {
    assert.deepEqual(await search({ source_id: 'sales', filter: { field: 'order_id', operator: 'eq', value: 2 } }), [
      [
        'sales',
        {
          order_id: 2,
          customer_id: 'C2',
          amount: 20,
          price: '2.50',
          quantity: 5,
          order_date: '2024-01-15T12:00:00.500Z',
          day: '2024-01-15',
          active: false,
          note: null,
        },
      ],
    ]);
  });

  test('a search over several sources sorts numbers before texts, and what is absent last', async () => {
    const found = await search({
      source_ids: ['sales', 'customers'],
      columns: ['customer_id', 'credit'],
      conditions: [{ field: 'customer_id', operator: 'in', value: ['C1', 'C2'] }],
      order_by: [{ field: 'credit', direction: 'desc' }, { field: 'customer_id' }],
      limit: 3,
    });
    assert.deepEqual(found, [
      ['customers', { customer_id: 'C2', credit: 20 }],
      ['customers', { customer_id: 'C1', credit: 10 }],
      ['sales', { customer_id: 'C1', credit: null }],
    ]);
  });

  test('documents come back as they are, and chosen paths under their names', async () => {
    assert.deepEqual(
      await search({ source_id: 'movies', conditions: [{ field: 'title', operator: 'eq', value: 'Heat' }] }),
      [['movies', { title: 'Heat', year: 1995, rating: { imdb: 8.3 } }]],
    );
    assert.deepEqual(
      await search({
        source_id: 'movies',
        columns: ['title', 'rating.imdb', 'gross'],
        conditions: [{ field: 'title', operator: 'eq', value: 'Up' }],
      }),
      [['movies', { title: 'Up', 'rating.imdb': 8.2, gross: null }]],
    );
  });

  test('a search query of the DSL names the record doc, and pages', async () => {
    const query: DslQuery = {
      query_type: 'search',
      sources: ['customers'],
      order_by: [{ field: 'customer_id' }],
      limit: 1,
      offset: 1,
    };
    assert.deepEqual(
      (await rowsOf(compileDsl(query, corpusSchemas))).map(([, doc]) => JSON.parse(String(doc)).name),
      ['Bob'],
    );
  });
});

describe('the DSL refuses', () => {
  const filter = (condition: Filter): DslQuery =>
    asQuery({ query_type: 'filter', source: 'sales', conditions: [condition] });
  const deep = Array.from({ length: 11 }).reduce<Filter>((inner) => ({ not: inner }), {
    field: 'amount',
    operator: 'gt',
    value: 1,
  });
  const cases: readonly (readonly [string, DslQuery, RegExp])[] = [
    ['an unknown source', { query_type: 'filter', source: 'sale' }, /source sale does not exist, did you mean sales\?/],
    [
      'an unknown field',
      filter({ field: 'amuont', operator: 'eq', value: 1 }),
      /field amuont: .* did you mean amount\?/,
    ],
    [
      'a text for a number',
      filter({ field: 'amount', operator: 'eq', value: 'x' }),
      /field amount: expected a value of type double/,
    ],
    [
      'a number for a text',
      filter({ field: 'note', operator: 'eq', value: 5 }),
      /field note: expected a value of type string/,
    ],
    [
      'a day that does not exist',
      filter({ field: 'day', operator: 'eq', value: '2024-02-30' }),
      /field day: expected a value of type date/,
    ],
    ['like on a number', filter({ field: 'amount', operator: 'like', value: '1%' }), /like needs a string column/],
    ['in without a list', filter({ field: 'amount', operator: 'in', value: 5 }), /in expects a list/],
    [
      'between of three',
      filter({ field: 'amount', operator: 'between', value: [1, 2, 3] }),
      /between expects a list of two values/,
    ],
    ['gt null', filter({ field: 'amount', operator: 'gt', value: null }), /gt expects a value that has an order/],
    ['nesting beyond the bound', filter(deep), /nested deeper than 10 levels/],
    [
      'a sum of texts',
      { query_type: 'aggregate', source: 'sales', aggregations: [{ function: 'sum', field: 'note' }] },
      /expected a number column, found string/,
    ],
    [
      'avg(*)',
      { query_type: 'aggregate', source: 'sales', aggregations: [{ function: 'avg', field: '*' }] },
      /only count takes \*/,
    ],
    [
      'an output named twice',
      {
        query_type: 'aggregate',
        source: 'sales',
        aggregations: [
          { function: 'count', field: '*' },
          { function: 'count', field: '*' },
        ],
      },
      /output count appears twice/,
    ],
    [
      'having on what is no output',
      {
        query_type: 'aggregate',
        source: 'sales',
        aggregations: [{ function: 'count', field: '*' }],
        having: [{ field: 'amount', operator: 'gt', value: 1 }],
      },
      /expected one of the outputs/,
    ],
    ['the same source twice', { query_type: 'search', sources: ['sales', 'sales'] }, /named twice/],
  ];
  for (const [name, query, message] of cases) {
    test(name, () =>
      assert.throws(
        () => compileDsl(query, corpusSchemas),
        (error) => isHybridStoreError(error, 'invalid_request') && message.test(error.message),
      ),
    );
  }
});
