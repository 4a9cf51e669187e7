import { randomUUID } from 'node:crypto';
import type { LogEntry, LogTail } from '@hybridstore/contracts';
import { pino } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

/** An event is a name and fields, not a sentence. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** Same logger with more fields on every entry. */
  with(fields: LogFields): Logger;
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

const ringEntriesMax = 2_000;
const tailEntriesMax = 500;
const fieldTextBytesMax = 8_192;

/**
 * The newest entries of this process, for monitoring to collect page by page. Numbers count from 0; `boot` distinguishes the runs
 * of a process apart, so that a collector that comes back after a restart starts over instead of skipping entries.
 */
export class LogRing {
  readonly boot: string = randomUUID();
  readonly #entries: LogEntry[] = [];
  #next = 0;

  push(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > ringEntriesMax) this.#entries.shift();
    this.#next += 1;
  }

  /** Up to 500 entries from number `after` on; from the oldest held when `boot` is another run's. */
  tail(after = 0, boot = this.boot): LogTail {
    const first = this.#next - this.#entries.length;
    const from = boot === this.boot ? Math.min(Math.max(0, after - first), this.#entries.length) : 0;
    const entries = this.#entries.slice(from, from + tailEntriesMax);
    return { boot: this.boot, next: first + from + entries.length, entries };
  }
}

export type LogOptions = {
  readonly service: string;
  readonly instance: string;
  readonly level: LogLevel;
  readonly ring?: LogRing;
  /** Where lines go; standard output when absent. */
  readonly write?: (line: string) => void;
};

/** The least level that is written, for this logger and all that were made of it. */
export type LevelledLogger = Logger & { level: LogLevel };

/** JSON lines `{time, level, service, instance, event, …fields}` on standard output, and into the ring. */
export function createLogger(options: LogOptions): LevelledLogger {
  const destination = options.write ? { write: options.write } : pino.destination({ fd: 1, sync: true });
  const base = pino(
    {
      // What is written is decided here, since a level of pino's is each child's own.
      level: 'debug',
      base: { service: options.service, instance: options.instance },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'event',
    },
    destination,
  );
  const threshold = { level: options.level };
  return Object.defineProperty(wrap(base, options, threshold, {}), 'level', {
    get: () => threshold.level,
    set: (level: LogLevel) => {
      threshold.level = level;
    },
  }) as LevelledLogger; // with the property that was just defined
}

type Threshold = { readonly level: LogLevel };

function wrap(base: pino.Logger, options: LogOptions, threshold: Threshold, bound: LogFields): Logger {
  const write =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (logLevels.indexOf(level) < logLevels.indexOf(threshold.level)) return;
      const prepared = prepareFields(fields);
      base[level](prepared, event);
      options.ring?.push({
        time: new Date().toISOString(),
        level,
        service: options.service,
        instance: options.instance,
        event,
        fields: { ...bound, ...prepared },
      });
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: (fields) => wrap(base.child(fields), options, threshold, { ...bound, ...fields }),
  };
}

function prepareFields(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, prepareField(value)]));
}

function prepareField(value: unknown): unknown {
  if (value instanceof Error) return describeError(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return boundText(value);
  if (typeof value === 'object' && value !== null) return prepareObject(value);
  return value;
}

/** A plain copy: what is logged cannot change later, and a cycle or a bigint inside cannot break the answer of the ring. */
function prepareObject(value: object): unknown {
  try {
    const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
    return text.length > fieldTextBytesMax ? boundText(text) : (JSON.parse(text) as unknown);
  } catch (error) {
    return `(not serializable: ${error instanceof Error ? error.message.slice(0, 100) : 'unknown'})`;
  }
}

function boundText(text: string): string {
  return text.length > fieldTextBytesMax ? `${text.slice(0, fieldTextBytesMax)}…` : text;
}

function describeError(error: Error): LogFields {
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause instanceof Error ? { cause: describeError(error.cause) } : {};
  return {
    name: error.name,
    message: error.message,
    ...code,
    ...cause,
    stack: error.stack?.slice(0, fieldTextBytesMax),
  };
}

/** For tests and tools that must stay silent. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLogger,
};
