import type { MonitoringTarget } from '@hybridstore/contracts';
import { createAgent, readAll } from '@hybridstore/http';
import type { Probe, ProbeResult } from '../domain/ports.ts';

const answerMsMax = 2_000;
const answerBytesMax = 64 * 1024;

/** As every service of ours answers; what another process says is only shown. */
type ReadyAnswer = { readonly reasons?: readonly string[] };
type HealthAnswer = { readonly version?: string };

/** Asks a process for /health and /ready, as a kubelet would, and reads the reasons that it gives. */
export class HttpProbe implements Probe {
  readonly #agent;

  constructor(hostsFile: string | undefined) {
    this.#agent = createAgent({ hostsFile });
  }

  async check(target: MonitoringTarget): Promise<ProbeResult> {
    try {
      const health = await this.#get<HealthAnswer>(target.url, '/health');
      if (health.status !== 200)
        return { status: 'unreachable', version: null, reasons: [`/health answered ${health.status}`] };
      const ready = await this.#get<ReadyAnswer>(target.url, '/ready');
      const version = health.body.version ?? null;
      return ready.status === 200
        ? { status: 'healthy', version, reasons: [] }
        : { status: 'not_ready', version, reasons: ready.body.reasons ?? [`/ready answered ${ready.status}`] };
    } catch (error) {
      return { status: 'unreachable', version: null, reasons: [describe(error)] };
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #get<T>(url: string, path: string): Promise<{ readonly status: number; readonly body: T }> {
    const answer = await this.#agent.request({
      origin: url,
      path,
      method: 'GET',
      signal: AbortSignal.timeout(answerMsMax),
    });
    const bytes = await readAll(answer.body, answerBytesMax);
    return { status: answer.statusCode, body: JSON.parse(bytes.toString('utf8')) as T };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'cannot be reached';
  if (error.name === 'TimeoutError') return `no answer within ${answerMsMax} ms`;
  return 'code' in error ? `cannot be reached (${String(error.code)})` : 'cannot be reached';
}
