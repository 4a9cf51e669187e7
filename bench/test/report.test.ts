import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseBenchmark, readBenchOptions } from '../arguments.ts';
import { buildReport, describeMachine, formatOutput, median, quantile, type Report } from '../report.ts';

const goals = [
  { what: 'rows/s', goal: '>= 10', got: '12', ok: true },
  { what: 'p99 of a request', goal: '<= 5 ms', got: '7.5 ms', ok: false },
];
const sides = [
  { name: 'ours', figures: { 'rows/s': 123_456.7, 'p99, ms': 0.123456, disk: 'local' } },
  { name: 'the other', figures: { 'rows/s': 9 } },
];
const report: Report = { ...buildReport('ingest', goals, sides), machine: '2 × chip' };

describe('the report of a benchmark', () => {
  it('is printed in aligned columns, both sides first, then the goals', () => {
    assert.equal(
      formatOutput(report, { json: false }),
      `# ingest
2 × chip

ours
  rows/s   123,457
  p99, ms   0.1235
  disk     local

the other
  rows/s  9

goals: not all met
  met     rows/s            12      (goal: >= 10)
  missed  p99 of a request  7.5 ms  (goal: <= 5 ms)
`,
    );
  });

  it('has one JSON object as its last line when asked for, of exactly this shape', () => {
    const lines = formatOutput(report, { json: true }).trimEnd().split('\n');
    const last = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    assert.deepEqual(last, { name: 'ingest', ok: false, goals, sides, machine: '2 × chip' });
    assert.deepEqual(Object.keys(last), ['name', 'ok', 'goals', 'sides', 'machine']);
    assert.deepEqual(Object.keys((last['goals'] as object[])[0] ?? {}), ['what', 'goal', 'got', 'ok']);
    assert.ok(lines.slice(0, -1).every((line) => !line.startsWith('{')));
  });

  it('is good when every goal is met, and names the machine', () => {
    assert.equal(buildReport('x', goals.slice(0, 1), sides).ok, true);
    assert.match(describeMachine(), /^\d+ × .+, \d+ GiB, Linux \S+, Node 26\./);
  });

  it('takes quantiles of what was measured, and of nothing none', () => {
    assert.deepEqual([quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 0.99), median([3, 1, 2])], [3, 4, 2]);
    assert.ok(Number.isNaN(median([])));
  });
});

describe('the name of a benchmark', () => {
  const names = ['ingest', 'query'] as const;

  it('is one, and known; else the names are listed', () => {
    assert.equal(chooseBenchmark(['ingest'], names), 'ingest');
    const refused: readonly (readonly [given: readonly string[], found: string])[] = [
      [[], 'none'],
      [['ingst'], 'ingst'],
      [['toString'], 'toString'],
      [['ingest', 'query'], 'ingest query'],
    ];
    for (const [given, found] of refused)
      assert.throws(() => chooseBenchmark(given, names), {
        code: 'invalid_request',
        message: `NAME: expected one of ingest, query, found ${found}`,
      });
  });
});

describe('the numbers of a benchmark', () => {
  it('are positive integers, each by its option, and none where nothing is said', () => {
    assert.deepEqual(readBenchOptions({ json: true, rows: '20', tenants: '100' }), { rows: 20, tenants: 100 });
    assert.deepEqual(readBenchOptions({}), {});
    for (const text of ['0', '-1', '1.5', '1e3', '', ' 1', '1234567890', 'many'])
      assert.throws(() => readBenchOptions({ seconds: text }), {
        code: 'invalid_request',
        message: `--seconds: expected a positive integer, found ${text}`,
      });
  });
});
