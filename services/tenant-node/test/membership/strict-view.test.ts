import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Frame, FreshFrames, TableState } from '@hybridstore/engine';
import fc from 'fast-check';
import type { FreshRange, Peer, PeerFresh } from '../../src/domain/ports.ts';
import { type SourceView, takeStrictView } from '../../src/domain/strict-view.ts';
import { FreshRowIndex } from '../../src/execute/child/fresh-row-index.ts';

const source = 'events';
const signal = new AbortController().signal;
/** As often as the product tries. */
const attemptsMax = 3;

/** Lets the test decide when a step that takes time is over. */
type Pause = () => Promise<void>;

describe('a strict view', () => {
  it('holds every acknowledged row exactly once, however writes, flushes and queries fall between each other', async () => {
    const command = fc.record({
      kind: fc.constantFrom('write' as const, 'write' as const, 'flush' as const, 'query' as const),
      node: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(command, { minLength: 1, maxLength: 40 }),
        async (scheduler, commands) => {
          const pause: Pause = () => scheduler.schedule(Promise.resolve()).then(() => {});
          const table = new SimulatedTable();
          const nodes = [0, 1, 2].map((ordinal) => new SimulatedNode(`acme-${ordinal}`, table, pause));
          for (const node of nodes) node.others = nodes.filter((other) => other !== node);
          const tasks = commands.map(async ({ kind, node: ordinal }) => {
            await pause();
            const node = nodes[ordinal];
            assert.ok(node);
            if (kind === 'write') await node.write();
            else if (kind === 'flush') await node.flush();
            else await checkQuery(node, nodes);
          });
          await scheduler.waitFor(Promise.all(tasks));
          for (const node of nodes) await scheduler.waitFor(checkQuery(node, nodes));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('fails when a member cannot be asked', async () => {
    const table = new SimulatedTable();
    const node = new SimulatedNode('acme-0', table, async () => {});
    const away = new SimulatedNode('acme-1', table, async () => {});
    away.isAway = true;
    node.others = [away];
    await assert.rejects(node.query(), /acme-1 is away/);
  });

  it('fails on a node that is not, or no longer, notified of every member', async () => {
    const node = new SimulatedNode('acme-0', new SimulatedTable(), async () => {});
    await node.write();
    node.isJoined = false;
    await assert.rejects(node.query(), { code: 'unavailable', message: /may not know all of them/ });
  });

  it('asks a member on a new volume again from its beginning', async () => {
    const table = new SimulatedTable();
    const node = new SimulatedNode('acme-0', table, async () => {});
    const other = new SimulatedNode('acme-1', table, async () => {});
    node.others = [other];
    for (let row = 0; row < 5; row += 1) await other.write();
    assert.equal((await node.query()).length, 5);
    const renewed = new SimulatedNode('acme-1', table, async () => {}, '2');
    // The member is still known under its old log.
    renewed.registeredLog = other.log;
    await renewed.write();
    node.others = [renewed];
    assert.deepEqual(await node.query(), ['hybridstore/acme-1/2#1']);
  });
});

async function checkQuery(node: SimulatedNode, nodes: readonly SimulatedNode[]): Promise<void> {
  const before = nodes.flatMap((other) => [...other.acknowledged]);
  const rows = await node.query();
  assert.equal(new Set(rows).size, rows.length, `a row was counted twice: ${rows.join(' ')}`);
  const found = new Set(rows);
  assert.deepEqual(
    before.filter((row) => !found.has(row)),
    [],
    'acknowledged rows are missing',
  );
  const written = new Set(nodes.flatMap((other) => [...other.acknowledged]));
  assert.deepEqual(
    rows.filter((row) => !written.has(row)),
    [],
    'rows that nobody acknowledged',
  );
}

/** The shared table log: versions with the rows in their files and how far each log is committed. */
class SimulatedTable {
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
      location: 'tables/events/1',
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

class SimulatedNode {
  readonly pod: string;
  readonly log: string;
  registeredLog: string;
  readonly acknowledged = new Set<string>();
  readonly #table: SimulatedTable;
  readonly #pause: Pause;
  readonly #child = new SimulatedChild();
  others: readonly SimulatedNode[] = [];
  isJoined = true;
  isAway = false;
  #frames: MemoryFrame[] = [];
  #acknowledgedLsn = 0;
  #committedLsn = 0;
  #tableVersion = 0;
  #nextLsn = 1;
  #isFlushing = false;

  constructor(pod: string, table: SimulatedTable, pause: Pause, logId = '1') {
    this.pod = pod;
    this.log = `hybridstore/${pod}/${logId}`;
    this.registeredLog = this.log;
    this.#table = table;
    this.#pause = pause;
  }

  async write(): Promise<void> {
    const lsn = this.#nextLsn++;
    const row = `${this.log}#${lsn}`;
    // In memory and acknowledged together, after the log is on disk. Frames of one log are acknowledged in order.
    this.#frames.push({ lsn, rows: 1, schemaVersion: 1, bytes: Buffer.from(`${lsn} ${row};`), row });
    this.#acknowledgedLsn = lsn;
    this.acknowledged.add(row);
    await this.#pause();
  }

  async flush(): Promise<void> {
    if (this.#isFlushing || this.#frames.length === 0) return;
    this.#isFlushing = true;
    const frames = [...this.#frames];
    const lsn = frames.at(-1)?.lsn ?? 0;
    await this.#pause();
    const version = this.#table.commit(
      this.log,
      lsn,
      frames.map((frame) => frame.row),
    );
    // Committed and still in memory: the moment in which a row is in both.
    await this.#pause();
    this.#committedLsn = lsn;
    this.#tableVersion = version;
    this.#frames = this.#frames.filter((frame) => frame.lsn > lsn);
    this.#isFlushing = false;
  }

  /** Rows of a strict answer. */
  async query(): Promise<readonly string[]> {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const view = await takeStrictView(
        {
          engine: this.#engine(),
          members: { knowsAll: this.isJoined, peers: () => this.others.map((other) => other.#asPeer()) },
        },
        this.#child,
        source,
        signal,
      );
      const fresh = this.#child.run(view);
      if (fresh) return [...(this.#table.versions[view.state.version]?.rows ?? []), ...fresh];
    }
    throw new Error('no attempt found a view that still stood');
  }

  #engine() {
    return {
      appId: this.log,
      fresh: (_: string, afterLsn: number) => this.#fresh(afterLsn),
      snapshot: async (_: string, atLeastVersion = 0) => {
        await this.#pause();
        const version = this.#table.newest;
        assert.ok(version >= atLeastVersion);
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
        if (this.isAway) throw new Error(`${this.pod} is away`);
        await this.#pause();
        const { frames, ...rest } = this.#fresh(afterLsn);
        await this.#pause();
        return { log: this.log, unflushedRows: frames.length, frames: frames.map((frame) => frame.bytes), ...rest };
      },
    };
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
