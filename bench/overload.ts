import { operationNode, tenantNode } from '@hybridstore/contracts';
import type { BenchOptions } from './arguments.ts';
import { type Ask, type ClientsResult, type KindResult, runClients } from './clients.ts';
import { measureProcesses, type ProcessUse } from './processes.ts';
import { withFlights } from './query.ts';
import { buildReport, type Goal, quantile, type Report, type Side } from './report.ts';

const secondsOfOverload = 60;
const rows = 1_000_000;
/** Each for a sixth of the time; the best of them is the peak. */
const clientsAtPeak = [8, 16, 32] as const;
const clientsMax = 64;
/** After a refusal. Whoever heeds Retry-After waits longer. */
const pauseMs = 100;
const throughputShareMin = 0.8;
/** Nobody is passed over: of the time that a line gives in which everybody waits as long as everybody else. */
const waitTimesMax = 2;
const p99MsMin = 1_000;
/** What the tenant's node may have, as its spec says by default. */
const nodeBytesMax = 2 * 1024 ** 3;
const mebibyte = 1024 ** 2;

const write = (kind: string, count: number): Ask => ({
  kind,
  path: tenantNode.write.path,
  body: JSON.stringify({
    source_id: 'flights',
    records: Array.from({ length: count }, (_, index) => ({
      fields: { date: '2002-01-01T00:00:00Z', delay: index, distance: 500, origin: 'SFO', destination: 'JFK' },
    })),
  }),
});
const ask = (kind: string, sql: string): Ask => ({
  kind,
  path: operationNode.querySql.path,
  // Each is to be work: the same query over the same rows would be answered by what is kept.
  body: JSON.stringify({ query: sql, dialect: 'duckdb', result_cache: false }),
});
const short = ask('short queries', "SELECT COUNT(*) AS n, MAX(delay) AS d FROM flights WHERE origin = 'SFO'");
const heavy = ask(
  'heavy queries',
  'SELECT date, origin, destination, distance, delay, COUNT(*) AS n FROM flights GROUP BY date, origin, destination, distance, delay ORDER BY n DESC, date LIMIT 10',
);
const one = write('1-row writes', 1);
const thousand = write('1,000-row writes', 1_000);

/** Queries first: what writes leave behind makes every query after them dearer. */
const works: readonly { readonly name: string; readonly asks: readonly Ask[] }[] = [
  { name: 'short queries', asks: [short] },
  { name: 'heavy queries', asks: [heavy] },
  { name: '1-row writes', asks: [one] },
  { name: 'mixed', asks: [short, one, thousand, heavy] },
  { name: '1,000-row writes', asks: [thousand] },
];

type Measured = ClientsResult & { readonly processes: readonly ProcessUse[] };
type Work = { readonly name: string; readonly peak: number; readonly peakClients: number; readonly over: Measured };

/** 64 clients, twice as many as the most that a peak is looked for with, at the whole path: what is answered, refused and held. */
export function overload({ seconds = secondsOfOverload }: BenchOptions): Promise<Report> {
  return withFlights(rows, async ({ gateway: url, token }) => {
    const headers = { authorization: `Bearer ${token}` };
    const run = (asks: readonly Ask[], clients: number, time: number) =>
      runClients({ url, headers, asks, clients, seconds: time, pauseMs });
    const measured: Work[] = [];
    for (const { name, asks } of works) {
      let [peak, peakClients] = [0, 0];
      for (const clients of clientsAtPeak) {
        const rate = rateOf(await run(asks, clients, seconds / 6));
        if (rate > peak) [peak, peakClients] = [rate, clients];
      }
      const { value, processes } = await measureProcesses(process.pid, () => run(asks, clientsMax, seconds));
      measured.push({ name, peak, peakClients, over: { ...value, processes } });
      process.stderr.write(
        `${name}: ${peak.toFixed(1)}/s at its peak, ${rateOf(value).toFixed(1)}/s at ${clientsMax}\n`,
      );
    }
    return buildReport(
      'overload',
      measured.flatMap(goals),
      measured.map((work) => describe(work, seconds)),
    );
  });
}

function rateOf({ kinds, elapsedSeconds }: ClientsResult): number {
  return sum(kinds, ({ answered }) => answered) / elapsedSeconds;
}

function sum(kinds: readonly KindResult[], of: (kind: KindResult) => number): number {
  return kinds.reduce((total, kind) => total + of(kind), 0);
}

function failuresOf({ failed }: KindResult): number {
  return Object.values(failed).reduce((total, count) => total + count, 0);
}

function nodeBytes({ processes }: Measured): number {
  return processes
    .filter(({ name }) => name.startsWith('tenant-node'))
    .reduce((total, one) => total + one.peakBytes, 0);
}

function describe({ name, peak, peakClients, over }: Work, seconds: number): Side {
  const failed = over.kinds.flatMap((kind) =>
    Object.entries(kind.failed).map(([what, count]) => `${count} × ${what} of ${kind.kind}`),
  );
  return {
    name: `${name}, ${clientsMax} clients, ${seconds} s`,
    figures: {
      'answers/s at its peak': peak,
      'clients at its peak': peakClients,
      'answers/s': rateOf(over),
      ...Object.fromEntries(
        over.kinds.flatMap((kind) => [
          [`p50 of ${kind.kind} (ms)`, quantile(kind.latenciesMs, 0.5)],
          [`p99 of ${kind.kind} (ms)`, quantile(kind.latenciesMs, 0.99)],
          [`${kind.kind} refused, to come back later`, kind.refused],
        ]),
      ),
      'failed otherwise': failed.join(', ') || 'none',
      'most memory of the node and its children (MiB)': nodeBytes(over) / mebibyte,
      'most memory of the services (MiB)':
        over.processes
          .filter((one) => !one.name.startsWith('tenant-node'))
          .reduce((total, one) => total + one.peakBytes, 0) / mebibyte,
    },
  };
}

function goals({ name, peak, over }: Work): readonly Goal[] {
  const share = rateOf(over) / peak;
  const failures = sum(over.kinds, failuresOf);
  const bytes = nodeBytes(over);
  return [
    {
      what: `${name}: answers, of those of its peak`,
      goal: '≥ 80 %',
      got: `${(share * 100).toFixed(0)} %`,
      ok: share >= throughputShareMin,
    },
    ...over.kinds.map((kind) => judgeWait(name, kind, over)),
    {
      what: `${name}: what is neither answered nor refused with a time to come back`,
      goal: '0',
      got: String(failures),
      ok: failures === 0,
    },
    {
      what: `${name}: memory of the node and its children`,
      goal: '≤ 2,048 MiB',
      got: `${Math.round(bytes / mebibyte).toLocaleString('en')} MiB`,
      ok: bytes <= nodeBytesMax,
    },
  ];
}

/** As long as each client has one request under way, a fair line holds it for clients / rate. */
function judgeWait(name: string, { kind, answered, latenciesMs }: KindResult, over: Measured): Goal {
  const fairMs = (clientsMax / over.kinds.length / (answered / over.elapsedSeconds)) * 1_000;
  const boundMs = Math.max(p99MsMin, waitTimesMax * fairMs);
  const p99Ms = quantile(latenciesMs, 0.99);
  return {
    what: `${name}: p99 of ${kind} that are admitted, beside twice a fair line's`,
    goal: `≤ ${(boundMs / 1_000).toFixed(1)} s`,
    got: `${(p99Ms / 1_000).toFixed(2)} s`,
    ok: p99Ms <= boundMs,
  };
}
