import type { Kube } from '@hybridstore/controller-runtime';

/** A running platform under test. The suites know this and nothing of where it runs. */
export interface Platform {
  readonly name: 'embedded' | 'kubernetes';
  readonly kube: Kube;
  readonly gateway: string;
  readonly systemNamespace: string;
  readonly admin: { readonly username: string; readonly password: string };
  /** Of the embedded platform: the folder in which the command line finds it. */
  readonly dataDir?: string;
  /** Address of one of the tenant's pods, reachable from here. */
  podUrl(namespace: string, pod: string): Promise<string>;
  /** SIGKILL without any grace. */
  killPod(namespace: string, pod: string): Promise<void>;
  /** The operator dies without any grace; resolves when another one leads. */
  killOperator(): Promise<void>;
  /** Everything stops and starts again on the same data. */
  restart?(): Promise<void>;
  stop(): Promise<void>;
}

export type Answer = { readonly status: number; readonly body: Body; readonly headers: Headers };
type Body = Record<string, unknown> & {
  readonly rows?: unknown[][];
  readonly row_count?: number;
  readonly columns?: { name: string; type: string }[];
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly details: Record<string, unknown>;
    readonly request_id: string;
  };
};

export type CallOptions = {
  readonly token?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: string | Uint8Array<ArrayBuffer>;
};

/** One request; JSON in, JSON out, whatever the status. */
export async function call(url: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
  const payload = options.raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url, {
    method: options.method ?? (payload === undefined ? 'GET' : 'POST'),
    headers: {
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...options.headers,
    },
    ...(payload === undefined ? {} : { body: payload }),
    signal: AbortSignal.timeout(120_000),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : parse(text) };
}

function parse(text: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    // NDJSON and Prometheus text are read by their own tests.
    return { text };
  }
}

/** Polls until `probe` gives a value; the error says what it last saw. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
  const untilMs = performance.now() + timeoutMs;
  let last: unknown = 'nothing yet';
  while (performance.now() < untilMs) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(
    `${what}: not within ${timeoutMs} ms; last: ${last instanceof Error ? (last.stack ?? last.message) : JSON.stringify(last)}`,
  );
}
