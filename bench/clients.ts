import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { parentPort, Worker, workerData } from 'node:worker_threads';

/** What a client asks for, again and again: the first asked by the first, the second by the second, and so on in turn. */
export type Ask = { readonly kind: string; readonly path: string; readonly body: string };
/**
 * A closed loop: each client asks again as soon as it was answered, a refused one after `pauseMs` whatever it was advised, so
 * that a refusal does not take the load away. Runs in a thread of its own.
 */
export type Clients = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly asks: readonly Ask[];
  readonly clients: number;
  readonly seconds: number;
  readonly pauseMs: number;
};
export type KindResult = {
  readonly kind: string;
  readonly answered: number;
  /** 429 and 503 with a Retry-After. */
  readonly refused: number;
  /** By status, `429 without Retry-After`, or the code of a broken connection: whatever else is no answer. */
  readonly failed: Readonly<Record<string, number>>;
  /** Of what was answered, sorted. */
  readonly latenciesMs: readonly number[];
};
export type ClientsResult = { readonly elapsedSeconds: number; readonly kinds: readonly KindResult[] };

const latenciesMax = 500_000;

export function runClients(clients: Clients): Promise<ClientsResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: clients });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

type Tally = {
  readonly kind: string;
  answered: number;
  refused: number;
  readonly failed: Record<string, number>;
  readonly latenciesMs: number[];
};

async function run(all: Clients): Promise<ClientsResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: all.clients });
  const tallies = new Map<string, Tally>(
    all.asks.map(({ kind }) => [kind, { kind, answered: 0, refused: 0, failed: {}, latenciesMs: [] }]),
  );
  const startedMs = performance.now();
  const untilMs = startedMs + all.seconds * 1_000;
  const client = async (index: number) => {
    const asked = all.asks[index % all.asks.length];
    const tally = asked && tallies.get(asked.kind);
    if (!asked || !tally) return;
    while (performance.now() < untilMs) {
      const isAnswered = await ask(all, asked, agent, tally);
      if (!isAnswered) await new Promise((resolve) => setTimeout(resolve, all.pauseMs));
    }
  };
  await Promise.all(Array.from({ length: all.clients }, (_, index) => client(index)));
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  agent.destroy();
  return {
    elapsedSeconds,
    kinds: [...tallies.values()].map((tally) => ({
      ...tally,
      latenciesMs: tally.latenciesMs.toSorted((a, b) => a - b),
    })),
  };
}

async function ask({ url, headers }: Clients, asked: Ask, agent: Agent, tally: Tally): Promise<boolean> {
  const startedMs = performance.now();
  const fail = (what: string) => {
    tally.failed[what] = (tally.failed[what] ?? 0) + 1;
    return false;
  };
  try {
    const sent = request(`${url}${asked.path}`, {
      method: 'POST',
      agent,
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(asked.body)),
      },
    });
    sent.end(asked.body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      tally.answered += 1;
      if (tally.latenciesMs.length < latenciesMax) tally.latenciesMs.push(performance.now() - startedMs);
      return true;
    }
    if (status !== 429 && status !== 503) return fail(String(status));
    if (answer.headers['retry-after'] === undefined) return fail(`${status} without Retry-After`);
    tally.refused += 1;
    return false;
  } catch (error) {
    return fail(error instanceof Error && 'code' in error ? String(error.code) : String(error));
  }
}

// What `runClients` gives.
if (parentPort) parentPort.postMessage(await run(workerData as Clients));
