import assert from 'node:assert/strict';
import { beforeEach, describe, it, test } from 'node:test';
import type {
  ErrorBody,
  ExecuteRequest,
  LogicalPlan,
  ParseResponse,
  PlanExpression,
  QueryResponse,
} from '@hybridstore/contracts';
import { HybridStoreError, type TenantCaller } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { KeptPlans, planAgeMsMax, planCharactersMax, plansMax, withOwnLiterals } from '../src/domain/kept-plans.ts';
import type { QueryRequest } from '../src/ports.ts';
import { betterPlan, plan } from './fake-services.ts';
import { TestOperation } from './test-operation.ts';

const restsOn = [{ source_id: 'events', columns: 'columns-1' }];
const reads = (...sources: string[]) => [{ sources, actions: ['read' as const] }];
const caller = (tenant: string, sources: string[] = ['*']): TenantCaller =>
  ({ tenant, subject: 'ada', token: 't', permissions: reads(...sources) }) as never;
const sql = (request: object = {}): QueryRequest => ({ kind: 'sql', request: { query: 'select 1', ...request } });
const dsl = (source: string): QueryRequest => ({
  kind: 'dsl',
  request: { query: { query_type: 'filter', source, conditions: [] } as never },
});
const planned = (one: LogicalPlan = plan, parameterKeys: readonly (string | number)[] = []) => ({
  parsed: { plan: one, planCached: false, restsOn, parameterKeys, lifted: [], dialect: 'mysql' as const },
  optimized: { plan: one, shape: 'shape', predictedMs: 1 },
});

describe('plans that are kept', () => {
  it('are found by the same statement of a caller with the same permissions alone', () => {
    const kept = new KeptPlans(new FakeClock());
    const asked = sql({ dialect: 'mysql', parameters: [1, 'a'] });
    kept.keep(caller('default/acme'), asked, planned());
    kept.keep(caller('default/acme'), dsl('events'), planned());
    assert.deepEqual(kept.find(caller('default/acme'), asked)?.restsOn, restsOn);
    assert.equal(kept.find(caller('default/acme'), asked)?.parsed.planCached, true);
    assert.ok(kept.find(caller('default/acme'), sql({ dialect: 'mysql', parameters: [2, 'b'] })));
    assert.ok(kept.find(caller('default/acme'), dsl('events')));
    for (const [tenant, sources, query] of [
      ['default/other', ['*'], asked],
      ['default/acme', ['events'], asked],
      ['default/acme', ['*'], sql({ dialect: 'mysql', parameters: [1, 2] })],
      ['default/acme', ['*'], sql({ dialect: 'mysql', parameters: [1] })],
      ['default/acme', ['*'], sql({ dialect: 'mysql', parameters: [[1], 'a'] })],
      ['default/acme', ['*'], sql({ dialect: 'mysql', parameters: [null, 'a'] })],
      ['default/acme', ['*'], sql({ dialect: 'mysql', parameters: { a: 1, b: 'a' } })],
      ['default/acme', ['*'], sql({ dialect: 'postgresql', parameters: [1, 'a'] })],
      ['default/acme', ['*'], sql({ parameters: [1, 'a'] })],
      ['default/acme', ['*'], sql({ query: 'select 2', dialect: 'mysql', parameters: [1, 'a'] })],
      ['default/acme', ['*'], dsl('other')],
    ] as const)
      assert.equal(kept.find(caller(tenant, [...sources]), query), undefined, JSON.stringify([tenant, sources, query]));
  });

  it('have the values of each query, and refuse one that is none of its type', () => {
    const kept = new KeptPlans(new FakeClock());
    const withParameters: LogicalPlan = { ...plan, parameters: [{ type: 'bigint', value: '1' }] };
    kept.keep(caller('default/acme'), sql({ parameters: { a: '1' } }), planned(withParameters, ['a']));
    const found = kept.find(caller('default/acme'), sql({ parameters: { a: '17' } }));
    assert.deepEqual(found?.parsed.plan.parameters, [{ type: 'bigint', value: '17' }]);
    assert.deepEqual(found?.optimized?.plan.parameters, [{ type: 'bigint', value: '17' }]);
    assert.throws(
      () => kept.find(caller('default/acme'), sql({ parameters: { a: 'many' } })),
      /parameter :a: expected a whole number of 64 bits, found "many"/,
    );
  });

  describe('of statements that differ in values', () => {
    const acme = caller('default/acme');
    const compare = (value: PlanExpression): LogicalPlan => ({
      ...plan,
      query: {
        kind: 'query',
        body: {
          kind: 'select',
          projections: [],
          where: {
            kind: 'comparison',
            operator: 'eq',
            left: { kind: 'column', relation: 't', name: 'id' },
            right: value,
          },
        },
      },
    });
    const lifted: LogicalPlan = {
      ...compare({ kind: 'parameter', index: 0 }),
      parameters: [{ type: 'bigint', value: 1 }],
    };
    const made = (literals = [{ literal: 0, type: 'bigint' }]) => ({
      parsed: { ...planned(lifted).parsed, lifted: literals },
      optimized: { plan: lifted, shape: 'shape', predictedMs: 1 },
    });
    const ask = (where: string, request: object = {}) => sql({ query: `select a from t where ${where}`, ...request });
    const valueIn = (query: QueryRequest, whose = acme) => {
      const found = kept.find(whose, query);
      assert.deepEqual(found?.optimized?.plan, found?.parsed.plan);
      assert.deepEqual(found?.parsed.plan.parameters ?? [], []);
      return found && JSON.stringify(found.parsed.plan.query).match(/"value":(\d+)/)?.[1];
    };
    let kept = new KeptPlans(new FakeClock());
    beforeEach(() => {
      kept = new KeptPlans(new FakeClock());
    });

    it('are one plan, with the values of each as literals', () => {
      kept.keep(acme, ask('id = 1'), made());
      assert.deepEqual(
        [valueIn(ask('id = 1')), valueIn(ask('id = 17')), valueIn(ask('id  =  3 -- x'))],
        ['1', '17', '3'],
      );
      assert.equal(kept.find(acme, ask('id = 17'))?.parsed.planCached, true);
      assert.deepEqual(withOwnLiterals(made()).parsed.plan, compare({ kind: 'literal', type: 'bigint', value: 1 }));
    });

    it('have another one where anything else differs', () => {
      kept.keep(acme, ask('id = 1'), made());
      for (const query of [
        ask("id = '17'"),
        ask('id = 1.5'),
        ask('id > 17'),
        ask('id = 17 or id = 3'),
        ask('ID = 17'),
        ask('id = 17', { dialect: 'mysql' }),
        ask('id = 17', { parameters: [] }),
      ])
        assert.equal(valueIn(query), undefined, JSON.stringify(query));
      assert.equal(valueIn(ask('id = 17'), caller('default/other')), undefined);
      assert.equal(valueIn(ask('id = 17'), caller('default/acme', ['events'])), undefined);
    });

    it('have another one where a literal differs that is part of the plan', () => {
      kept.keep(acme, ask('id = 1 and n = 5'), made());
      assert.deepEqual([valueIn(ask('id = 17 and n = 5')), valueIn(ask('id = 17 and n = 6'))], ['17', undefined]);
    });

    it('are forgotten by any of them, and read in the dialect that the interpreter said', () => {
      assert.equal(valueIn(ask('id = 17')), undefined);
      kept.keep(acme, ask('id = 1'), made());
      kept.forget(acme, ask('id = 99'));
      assert.equal(valueIn(ask('id = 1')), undefined);
      // In MySQL a text may stand in double quotes.
      kept.keep(acme, ask('id = 1 and name = "x"'), made());
      assert.equal(valueIn(ask('id = 17 and name = "x"')), '17');
    });
  });

  it('are forgotten with time, on request, and beyond their number; large ones and those that nobody optimized are not kept', async () => {
    const clock = new FakeClock();
    const kept = new KeptPlans(clock);
    const acme = caller('default/acme');
    const keep = (query: string) => kept.keep(acme, sql({ query }), planned());
    const isThere = (query: string) => kept.find(acme, sql({ query })) !== undefined;
    keep('old');
    await clock.advance(planAgeMsMax - 1);
    assert.ok(isThere('old'));
    await clock.advance(1);
    assert.ok(!isThere('old'));
    keep('bad');
    kept.forget(acme, sql({ query: 'bad' }));
    assert.ok(!isThere('bad'));
    for (let index = 0; index <= plansMax; index += 1) keep(`select ${index}`);
    assert.deepEqual([isThere('select 0'), isThere('select 1'), isThere(`select ${plansMax}`)], [false, true, true]);
    keep('x'.repeat(planCharactersMax));
    assert.ok(!isThere('x'.repeat(planCharactersMax)));
    kept.keep(acme, sql({ query: 'blind' }), { ...planned(), optimized: undefined });
    assert.ok(!isThere('blind'));
  });
});

const tooOld = () => {
  throw new HybridStoreError('conflict', 'other columns', { plan_too_old: true, source_id: 'events' });
};
const gone = () => {
  throw new HybridStoreError('not_found', 'source events does not exist');
};

test('a statement that was asked before goes to the node at once, with the columns that its plan rests on', async () => {
  await using operation = await TestOperation.start();
  const { services } = operation;
  assert.equal((await operation.sql()).status, 200);
  assert.equal(services.lastExecution().rests_on, undefined);
  const { status, body } = await operation.sql();
  assert.deepEqual([status, (body as QueryResponse).stats.plan_cached], [200, true]);
  assert.deepEqual([services.count('parse'), services.count('optimize'), services.count('execute')], [1, 1, 2]);
  assert.deepEqual([services.lastExecution().plan, services.lastExecution().rests_on], [betterPlan, restsOn]);
  assert.equal((await operation.sql({}, { token: operation.token(reads('events')) })).status, 200);
  assert.equal(services.count('parse'), 2);
});

test('an interpreter of the version before reads a statement as ever', async () => {
  await using operation = await TestOperation.start();
  const { services } = operation;
  const { parse } = services;
  services.parse = (request, ...call) => {
    if ('lift_literals' in (request.body as object))
      throw new HybridStoreError('invalid_request', 'lift_literals: expected no such field', {
        field: 'lift_literals',
      });
    return parse(request, ...call);
  };
  assert.equal((await operation.sql()).status, 200);
  assert.equal(services.count('parse'), 2);
});

const unknownField = () => {
  throw new HybridStoreError('invalid_request', 'rests_on: expected no such field', { field: 'rests_on' });
};

for (const [name, refuse] of [
  ['whose source has other columns now', tooOld],
  ['whose source is gone', gone],
  ['for a node of the version before', unknownField],
] as const)
  test(`a statement ${name} is read anew, once`, async () => {
    await using operation = await TestOperation.start();
    const { services } = operation;
    await operation.sql();
    const { execute, parse } = services;
    services.execute = (request, ...rest) =>
      (request.body as ExecuteRequest).rests_on === undefined ? execute(request, ...rest) : refuse();
    services.parse = async (...call) => ({
      ...((await parse(...call)) as ParseResponse),
      rests_on: [{ source_id: 'events', columns: 'columns-2' }],
    });
    assert.equal((await operation.sql()).status, 200);
    assert.deepEqual([services.count('parse'), services.count('execute')], [2, 3]);
    services.execute = execute;
    assert.equal((await operation.sql()).status, 200);
    assert.deepEqual([services.count('parse'), services.lastExecution().rests_on?.[0]?.columns], [2, 'columns-2']);
  });

test('what a node refuses of a plan that was just made is the answer', async () => {
  await using operation = await TestOperation.start();
  operation.services.execute = gone;
  const { status, body } = await operation.sql();
  assert.deepEqual([status, (body as ErrorBody).error.code, operation.services.count('parse')], [404, 'not_found', 1]);
});
