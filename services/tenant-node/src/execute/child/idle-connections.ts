import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api';
import type { Clock } from '@hybridstore/runtime';

const idleMax = 64;
/** What was prepared holds a file of each of its scans open, and some 100 KiB. */
const idleMs = 60_000;
/** Of a text with the names of its files. */
const textCharactersMax = 64 * 1024;

/** A statement that is prepared on the connection, to be run again with other parameters. */
export type PreparedText = { readonly text: string; readonly statement: DuckDBPreparedStatement };
export type IdleConnection = { readonly connection: DuckDBConnection; readonly prepared: PreparedText | undefined };

/**
 * Connections that no statement is at work on, the one that was used last at the end. Each may keep the statement that it
 * ran: its text names its files, so whoever asks with the same text over the same version of its tables has it prepared
 * already, and a text over another version is another text. What nobody asks for is closed after a while.
 */
export class IdleConnections {
  readonly #clock: Clock;
  readonly #idle: (IdleConnection & { readonly sinceMs: number })[] = [];
  #cancelSweep: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#idle.length;
  }

  /** The one that has the text prepared; else one with nothing prepared, if there is any or there are too many. */
  take(text: string | undefined): IdleConnection | undefined {
    const place = text === undefined ? -1 : this.#idle.findLastIndex(({ prepared }) => prepared?.text === text);
    if (place >= 0) return this.#idle.splice(place, 1)[0];
    const bare = this.#idle.findIndex(({ prepared }) => prepared === undefined);
    if (bare < 0 && this.#idle.length < idleMax) return undefined;
    const other = this.#idle.splice(Math.max(bare, 0), 1)[0];
    other?.prepared?.statement.destroySync();
    return other && { connection: other.connection, prepared: undefined };
  }

  put(connection: DuckDBConnection, prepared?: PreparedText): void {
    const isKept = prepared !== undefined && isWorthKeeping(prepared);
    if (!isKept) prepared?.statement.destroySync();
    this.#idle.push({ connection, prepared: isKept ? prepared : undefined, sinceMs: this.#clock.monotonicMs() });
    while (this.#idle.length > idleMax) this.#close();
    this.#sweepLater();
  }

  clear(): void {
    while (this.#idle.length > 0) this.#close();
  }

  #close(): void {
    const oldest = this.#idle.shift();
    oldest?.prepared?.statement.destroySync();
    oldest?.connection.closeSync();
  }

  #sweepLater(): void {
    if (this.#cancelSweep || this.#idle.length === 0) return;
    this.#cancelSweep = this.#clock.schedule(idleMs, () => {
      this.#cancelSweep = undefined;
      const untilMs = this.#clock.monotonicMs() - idleMs;
      while (this.#idle[0] && this.#idle[0].sinceMs <= untilMs) this.#close();
      this.#sweepLater();
    });
  }
}

/** No text of a statement is anything but a SELECT; only of one it is certain that running it again does nothing else. */
function isWorthKeeping({ text, statement }: PreparedText): boolean {
  return text.length <= textCharactersMax && statement.statementType === StatementType.SELECT;
}
