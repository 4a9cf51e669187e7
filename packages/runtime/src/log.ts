import type { LogEntry } from '@hybridstore/contracts';
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
const fieldTextBytesMax = 8_192;

/** The newest entries of this process, for monitoring to collect. `next` is the number of the entry after the last one. */
export class LogRing {
  readonly #entries: LogEntry[] = [];
  #next = 0;

  push(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > ringEntriesMax) this.#entries.shift();
    this.#next += 1;
  }

  tail(after = 0): { readonly next: number; readonly entries: readonly LogEntry[] } {
    const first = this.#next - this.#entries.length;
    return { next: this.#next, entries: this.#entries.slice(Math.max(0, after - first)) };
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

/** JSON lines `{time, level, service, instance, event, …fields}` on standard output, and into the ring. */
export function createLogger(options: LogOptions): Logger {
  const destination = options.write ? { write: options.write } : pino.destination({ fd: 1, sync: true });
  const base = pino(
    {
      level: options.level,
      base: { service: options.service, instance: options.instance },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'event',
    },
    destination,
  );
  return wrap(base, options, {});
}

function wrap(base: pino.Logger, options: LogOptions, bound: LogFields): Logger {
  const write =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (!base.isLevelEnabled(level)) return;
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
    with: (fields) => wrap(base.child(fields), options, { ...bound, ...fields }),
  };
}

function prepareFields(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, prepareField(value)]));
}

function prepareField(value: unknown): unknown {
  if (value instanceof Error) return describeError(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string' && value.length > fieldTextBytesMax) return `${value.slice(0, fieldTextBytesMax)}…`;
  return value;
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
