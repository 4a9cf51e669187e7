import assert from 'node:assert/strict';
import type { Frame, FreshFrames, TableState } from '@hybridstore/engine';
import { type HybridStoreError, retryLater } from '@hybridstore/runtime';
import { takeBoundedView } from '../../src/domain/bounded-view.ts';
import { LogMarks } from '../../src/domain/log-marks.ts';
import type { FreshRange, Peer, PeerFresh } from '../../src/domain/ports.ts';
import { type SourceView, takeStrictView, type ViewPorts } from '../../src/domain/strict-view.ts';
import { FreshRowIndex } from '../../src/execute/child/fresh-row-index.ts';

const source = 'events';
const signal = new AbortController().signal;
/** As often as the product tries. */
const attemptsMax = 3;

/** Lets the test decide when a step that takes time is over. */
export type Pause = () => Promise<void>;

/** The shared table log: versions with the rows in their files and how far each log is committed. */
export class SimulatedTable {
  location = 'tables/events/1';
  versions: { readonly rows: readonly string[]; readonly txn: ReadonlyMap<string, number> }[] = [
    { rows: [], txn: new Map() },
  ];

  get newest(): number {
    return this.versions.length - 1;
  }

  commit(log: string, lsn: number, rows: readonly string[]): number {
    const base = this.versions[this.newest];
    this.versions.push({ rows: [...(base?.rows ?? []), ...rows], txn: new Map(base?.txn).set(log, lsn) });
    return this.newest;
  }

  state(version: number): TableState {
    return {
      sourceId: source,
      location: this.location,
      version,
      columns: [],
      schemaVersion: 1,
      files: [],
      txn: this.versions[version]?.txn ?? new Map(),
      committedAtMs: undefined,
    };
  }
}

type MemoryFrame = Frame & { readonly row: string };

/** What a bounded query gave; undefined when the node crashed under it. */
export type BoundedAnswer = { readonly rows: readonly string[]; readonly view: SourceView } | undefined;

type NodeOptions = { readonly logId?: string; readonly clock?: ViewPorts['clock'] };

/** One node of several: its log outlives it, its memory and its child do not. */
export class SimulatedNode {
  readonly pod: string;
  readonly log: string;
  registeredLog: string;
  /** Rows, and when. */
  readonly acknowledged = new Map<string, number>();
  readonly #table: SimulatedTable;
  readonly #pause: Pause;
  readonly #clock: ViewPorts['clock'];
  others: readonly SimulatedNode[] = [];
  isJoined = true;
  isAway = false;
  /** Its answers do not come back. */
  isMute = false;
  #child = new SimulatedChild();
  #marks = new LogMarks();
  #lives = 1;
  #frames: MemoryFrame[] = [];
  #acknowledgedLsn = 0;
  #committedLsn = 0;
  /** The version that it looked at last. */
  #seen: number | undefined;
  #tableVersion = 0;
  #nextLsn = 1;
  #isFlushing = false;

  constructor(
    pod: string,
    table: SimulatedTable,
    pause: Pause,
    { logId = '1', clock = new SimulatedClock() }: NodeOptions = {},
  ) {
    this.pod = pod;
    this.log = `hybridstore/${pod}/${logId}`;
    this.registeredLog = this.log;
    this.#table = table;
    this.#pause = pause;
    this.#clock = clock;
  }

  crash(): void {
    this.isAway = true;
    this.#lives += 1;
  }

  /** With what its log holds and no table does. */
  restart(): void {
    if (!this.isAway) return;
    this.isAway = false;
    this.#isFlushing = false;
    this.#child = new SimulatedChild();
    this.#marks = new LogMarks();
    this.#seen = undefined;
    this.#tableVersion = this.#table.newest;
    this.#committedLsn = this.#table.state(this.#table.newest).txn.get(this.log) ?? 0;
    this.#frames = this.#frames.filter((frame) => frame.lsn > this.#committedLsn);
  }

  /** As when a statement of a neighbour kills it. */
  loseChild(): void {
    this.#child = new SimulatedChild();
  }

  /** As when nobody asked for the source for a while. */
  forget(): void {
    this.#child.forget();
  }

  /** As it does every few seconds, also while nobody asks. */
  async watch(): Promise<void> {
    const life = this.#lives;
    for (const other of this.others) {
      const askedMs = this.#clock.monotonicMs();
      await this.#pause();
      const { acknowledgedLsn, committedLsn } = other.#fresh(0);
      const isThere = !other.isAway;
      await this.#pause();
      if (life !== this.#lives) return;
      const mark = { askedMs, acknowledgedLsn, location: this.#table.location };
      if (isThere) this.#marks.note(source, other.log, mark, committedLsn);
    }
  }

  async write(): Promise<void> {
    if (this.isAway) return;
    const lsn = this.#nextLsn++;
    const row = `${this.log}#${lsn}`;
    // In memory and acknowledged together, after the log is on disk. Frames of one log are acknowledged in order.
    this.#frames.push({ lsn, rows: 1, schemaVersion: 1, bytes: Buffer.from(`${lsn} ${row};`), row });
    this.#acknowledgedLsn = lsn;
    this.acknowledged.set(row, this.#clock.monotonicMs());
    await this.#pause();
  }

  async flush(): Promise<void> {
    if (this.isAway || this.#isFlushing || this.#frames.length === 0) return;
    const life = this.#lives;
    this.#isFlushing = true;
    const frames = [...this.#frames];
    const lsn = frames.at(-1)?.lsn ?? 0;
    await this.#pause();
    if (life !== this.#lives) return;
    const version = this.#table.commit(
      this.log,
      lsn,
      frames.map((frame) => frame.row),
    );
    // Committed and still in memory: the moment in which a row is in both.
    await this.#pause();
    if (life !== this.#lives) return;
    this.#committedLsn = lsn;
    this.#tableVersion = version;
    this.#frames = this.#frames.filter((frame) => frame.lsn > lsn);
    this.#isFlushing = false;
  }

  /** Rows of a strict answer. */
  async query(): Promise<readonly string[]> {
    const answer = await this.#ask((ports, child) => takeStrictView(ports, child, source, signal));
    return answer?.rows ?? [];
  }

  queryBounded(staleMsMax: number): Promise<BoundedAnswer> {
    return this.#ask((ports, child) => takeBoundedView(ports, child, source, { staleMsMax, signal }));
  }

  async #ask(look: (ports: ViewPorts, child: SimulatedChild) => Promise<SourceView>): Promise<BoundedAnswer> {
    const life = this.#lives;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const child = this.#child;
      const members = { knowsAll: this.isJoined, peers: () => this.others.map((other) => other.#asPeer()) };
      const ports = { engine: this.#engine(), members, marks: this.#marks, clock: this.#clock };
      const view = await look(ports, child);
      if (life !== this.#lives) return undefined;
      const fresh = child === this.#child ? child.run(view) : undefined;
      if (fresh) return { rows: [...(this.#table.versions[view.state.version]?.rows ?? []), ...fresh], view };
    }
    throw retryLater('unavailable', 'no attempt found a view that still stood', 1_000);
  }

  #engine() {
    return {
      appId: this.log,
      fresh: (_: string, afterLsn: number) => this.#fresh(afterLsn),
      known: () => (this.#seen === undefined ? undefined : this.#table.state(this.#seen)),
      snapshot: async (_: string, atLeastVersion = 0) => {
        await this.#pause();
        const version = this.#table.newest;
        assert.ok(version >= atLeastVersion);
        this.#seen = Math.max(this.#seen ?? 0, version);
        await this.#pause();
        return this.#table.state(version);
      },
    };
  }

  #fresh(afterLsn: number): FreshFrames {
    return {
      acknowledgedLsn: this.#acknowledgedLsn,
      committedLsn: this.#committedLsn,
      tableVersion: this.#tableVersion,
      frames: this.#frames.filter((frame) => frame.lsn > afterLsn),
    };
  }

  #asPeer(): Peer {
    return {
      pod: this.pod,
      log: this.registeredLog,
      fresh: async (_, afterLsn): Promise<PeerFresh> => {
        const life = this.#lives;
        const requireThere = () => {
          if (this.isAway || life !== this.#lives) throw away(this.pod);
        };
        requireThere();
        await this.#pause();
        requireThere();
        const { frames, ...rest } = this.#fresh(afterLsn);
        if (this.isMute) await new Promise<never>(() => {});
        await this.#pause();
        requireThere();
        return { log: this.log, unflushedRows: frames.length, frames: frames.map((frame) => frame.bytes), ...rest };
      },
    };
  }
}

function away(pod: string): HybridStoreError {
  const details = { member: pod, away_since: '2026-01-01T00:00:00.000Z' };
  return retryLater('unavailable', `member ${pod} is away`, 1_000, details);
}

/** Two readings are never the same. Nothing that is to happen later does. */
export class SimulatedClock {
  nowMs = 1_000;

  monotonicMs(): number {
    this.nowMs += 0.001;
    return this.nowMs;
  }

  schedule(): () => void {
    return () => {};
  }
}

/** The executor child with arrays for tables: the same index, the same order of loads, releases and views. */
class SimulatedChild {
  readonly #held = new Map<string, number>();
  readonly #indexes = new Map<string, FreshRowIndex>();
  readonly #rows = new Map<string, string>();

  heldLsn(_: string, log: string): number {
    return this.#held.get(log) ?? 0;
  }

  load(_: string, range: FreshRange, frames: readonly Uint8Array[]): void {
    if (range.untilLsn <= this.heldLsn(source, range.log)) return;
    this.#held.set(range.log, range.untilLsn);
    const index = this.#indexes.get(range.log) ?? createIndex(range.log, range.afterLsn);
    this.#indexes.set(range.log, index);
    index.begin(range);
    for (const text of Buffer.concat(frames).toString('utf8').split(';').filter(Boolean)) {
      const [lsn = '', row = ''] = text.split(' ');
      if (index.place({ lsn: Number(lsn), rows: 1, shape: '' })) this.#rows.set(`${range.log} ${lsn}`, row);
    }
    index.complete(range);
  }

  forget(): void {
    this.#held.clear();
    this.#indexes.clear();
  }

  /** Fresh rows of the view, or undefined when some of them are no longer held. */
  run(view: SourceView): readonly string[] | undefined {
    const rows: string[] = [];
    for (const range of view.fresh) {
      this.#indexes.get(range.log)?.release(range.afterLsn);
      const parts = this.#indexes.get(range.log)?.view(range);
      if (!parts) return undefined;
      for (const { table, afterLsn = 0, untilLsn = Number.MAX_SAFE_INTEGER } of parts)
        for (const lsn of table.lsns)
          if (lsn > afterLsn && lsn <= untilLsn) rows.push(this.#rows.get(`${range.log} ${lsn}`) ?? 'lost');
    }
    return rows;
  }
}

function createIndex(log: string, afterLsn: number): FreshRowIndex {
  let tables = 0;
  return new FreshRowIndex({ nextName: () => `${log}-${++tables}`, afterLsn, tableRowsMax: 3 });
}
