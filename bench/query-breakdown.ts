import type { DuckDBConnection } from '@duckdb/node-api';
import { type ExecuteRequest, operationNode, queryInterpreter, services, tenantNode } from '@hybridstore/contracts';
import { createQueryId } from '@hybridstore/runtime';
import { measureProcesses, type ProcessUse } from './processes.ts';
import { type Flights, openRaw, timed, withFlights } from './query.ts';
import { buildReport, median, type Report, type Side } from './report.ts';

const rows = 1_000_000;
const warmUps = 20;
const runs = 100;
const deadlineMs = 30_000;

/** `text`: of the nth time it is asked. Without `keepsAnswer` each is run, though the rows are the same. */
type Statement = { readonly name: string; readonly text: (run: number) => string; readonly keepsAnswer?: true };

const statements: readonly Statement[] = [
  { name: 'a text that was asked before', text: () => 'SELECT COUNT(*) AS n FROM flights WHERE distance = 999' },
  {
    name: 'another value in it each time',
    text: (run) => `SELECT COUNT(*) AS n FROM flights WHERE distance = ${1_000 + run}`,
  },
  { name: 'a text that nobody asked before', text: (run) => `SELECT COUNT(*) AS n${run} FROM flights WHERE delay = 7` },
  {
    name: 'a text that was asked before, over the same rows',
    text: () => 'SELECT COUNT(*) AS n FROM flights WHERE distance = 999',
    keepsAnswer: true,
  },
  {
    name: 'groups',
    text: () => 'SELECT origin, COUNT(*) AS n FROM flights GROUP BY origin ORDER BY n DESC LIMIT 10',
  },
];

/** Where the milliseconds of a short query go: the same statement at each door, what lies behind the next one taken off. */
export function queryBreakdown(): Promise<Report> {
  return withFlights(rows, async (flights) => {
    const raw = await openRaw(flights.files);
    const sides: Side[] = [];
    const found: Figures[] = [];
    let count = 0;
    const next = () => {
      count += 1;
      return count;
    };
    for (const statement of statements) {
      const figures = await measure(statement, next, flights, raw);
      found.push(figures);
      sides.push({ name: statement.name, figures: { ...figures.steps, ...figures.processorMs } });
    }
    return buildReport('query-breakdown', goals(found), sides);
  });
}

type Figures = {
  readonly steps: Readonly<Record<string, number>>;
  readonly processorMs: Readonly<Record<string, number>>;
  readonly overheadMs: number;
  readonly processorOverheadMs: number;
};

async function measure(
  statement: Statement,
  next: () => number,
  flights: Flights,
  raw: DuckDBConnection,
): Promise<Figures> {
  const { client, gateway, token, addresses } = flights;
  const ask = (url: string) => async () => {
    const body = { query: statement.text(next()), dialect: 'duckdb' as const, result_cache: keepsAnswers(statement) };
    await client.call(url, operationNode.querySql, { token, body });
  };
  const atNode = await prepareExecution(statement, next, flights);
  const reference = async () => void (await raw.runAndReadAll(statement.text(next()))).getRowsJson();
  const whole = await medianOf(ask(gateway));
  const coordinated = await medianOf(ask(addresses.services['operation-node'] ?? ''));
  const node = await medianOf(atNode);
  const engine = await medianOf(reference);
  const use = await measureProcesses(process.pid, () => repeat(ask(gateway)));
  const before = process.cpuUsage();
  await repeat(reference);
  const { user, system } = process.cpuUsage(before);
  const engineProcessorMs = (user + system) / 1_000 / runs;
  const ofOurs = processorTimes(use.processes);
  const sum = Object.values(ofOurs).reduce((total, ms) => total + ms, 0);
  return {
    steps: {
      'gateway (ms)': whole - coordinated,
      'operation node, interpreter and optimizer (ms)': coordinated - node,
      'tenant node and its child, without the engine (ms)': node - engine,
      'DuckDB in process (ms)': engine,
      'all of it (ms)': whole,
    },
    processorMs: { ...ofOurs, 'processor: DuckDB in process (ms)': engineProcessorMs },
    overheadMs: whole - engine,
    processorOverheadMs: sum - engineProcessorMs,
  };
}

/** The plan of the statement at the node itself, as the operation node would send it. */
async function prepareExecution(statement: Statement, next: () => number, { client, addresses, token }: Flights) {
  const url = nodeUrl(addresses.gateway);
  const { parsed_query: plan } = await client.call(
    addresses.services['query-interpreter'] ?? '',
    queryInterpreter.parseSql,
    { token, body: { query: statement.text(next()), dialect: 'duckdb' } },
  );
  return async () => {
    const body: ExecuteRequest = {
      query_id: createQueryId(),
      plan,
      consistency: 'strict',
      format: 'rows_json',
      deadline_ms: deadlineMs,
      result_cache: keepsAnswers(statement),
    };
    await client.call(url, tenantNode.execute, { token, body });
  };
}

/** The platform's only tenant is found at the node's own port, moved as that of the gateway is. */
function nodeUrl(gateway: string): string {
  const url = new URL(gateway);
  url.port = String(Number(url.port) - services['auth-gateway'] + services['tenant-node']);
  return url.origin;
}

function keepsAnswers({ keepsAnswer }: Statement): boolean {
  return keepsAnswer === true;
}

async function medianOf(work: () => Promise<void>): Promise<number> {
  for (let run = 0; run < warmUps; run += 1) await work();
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push((await timed(work)).ms);
  return median(times);
}

async function repeat(work: () => Promise<void>): Promise<void> {
  for (let run = 0; run < runs; run += 1) await work();
}

/** For one query, by program. */
function processorTimes(processes: readonly ProcessUse[]): Readonly<Record<string, number>> {
  const byName = Map.groupBy(processes, ({ name }) => name);
  const times = [...byName].map(([name, ofName]) => {
    const seconds = ofName.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
    return [`processor: ${name} (ms)`, (seconds * 1_000) / runs] as const;
  });
  return Object.fromEntries(times.filter(([, ms]) => ms >= 0.05).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function goals(found: readonly Figures[]) {
  const [seen, sameShape, unseen] = found;
  const goal = (what: string, got: number | undefined, max: number) => ({
    what,
    goal: `≤ ${max} ms`,
    got: `${(got ?? Number.NaN).toFixed(1)} ms`,
    ok: (got ?? Number.NaN) <= max,
  });
  return [
    goal('over DuckDB, a text that was asked before', seen?.overheadMs, 5),
    goal('over DuckDB, another value in it', sameShape?.overheadMs, 5),
    goal('over DuckDB, a text that nobody asked before', unseen?.overheadMs, 10),
    goal('processor time over DuckDB, a text that was asked before', seen?.processorOverheadMs, 4),
  ];
}
