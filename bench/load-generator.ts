import { connect, type Socket } from 'node:net';
import { parentPort, Worker, workerData } from 'node:worker_threads';

/**
 * A closed loop over keep-alive connections: each sends its next request when the last answer is whole. Requests are
 * ready-made bytes, so that the measured process and not this one is the bottleneck. Runs in a thread of its own.
 */
export type Load = {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};
export type LoadResult = {
  readonly answers: number;
  readonly failures: number;
  readonly elapsedSeconds: number;
  readonly latenciesMs: readonly number[];
};

const latenciesMax = 2_000_000;

export function runLoad(load: Load): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: load });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function generate(load: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  const state = { answers: 0, failures: 0, isDone: false };
  const request = buildRequest(load);
  const startedMs = performance.now();
  const connections = Array.from({ length: load.connections }, () => runConnection(load, request, state, latencies));
  setTimeout(() => {
    state.isDone = true;
  }, load.seconds * 1_000);
  await Promise.all(connections);
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  return {
    answers: state.answers,
    failures: state.failures,
    elapsedSeconds,
    latenciesMs: latencies.sort((a, b) => a - b),
  };
}

function buildRequest(load: Load): Buffer {
  const headers = {
    host: `${load.host}:${load.port}`,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(load.body)),
    ...load.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`POST ${load.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${load.body}`);
}

function runConnection(
  load: Load,
  request: Buffer,
  state: { answers: number; failures: number; isDone: boolean },
  latencies: number[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: load.host, port: load.port, noDelay: true });
    let pending: Buffer = Buffer.alloc(0);
    let sentMs = 0;
    const send = () => {
      sentMs = performance.now();
      socket.write(request);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const length = answerLength(pending);
      if (length === undefined || pending.length < length) return;
      if (latencies.length < latenciesMax) latencies.push(performance.now() - sentMs);
      if (pending.toString('latin1', 9, 10) === '2') state.answers += 1;
      else state.failures += 1;
      pending = pending.subarray(length);
      if (state.isDone) socket.end();
      else send();
    });
  });
}

/** Bytes of the first answer, head and body, when its head has arrived. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1];
  return end + 4 + Number(length ?? 0);
}

// What `runLoad` gives.
if (parentPort) parentPort.postMessage(await generate(workerData as Load));
