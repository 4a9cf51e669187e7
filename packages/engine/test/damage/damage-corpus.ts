import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { SourceDefinition } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/runtime';
import { countDamage, type DamageCount } from '@hybridstore/test-kit';
import type { Engine } from '../../src/ports.ts';
import type { SegmentWriter } from '../../src/segment/segment-writer.ts';
import { filesOf, openEngine } from '../engine-fixture.ts';

/**
 * Damages every kind of file of a data volume, one at a time, and asks a node that has just started for everything that the
 * volume holds. An answer is either exactly right, or a `corrupt` that names the file and no folder of this machine.
 */
export type CorpusOptions = {
  readonly folder: string;
  readonly segmentWriter: SegmentWriter;
  readonly connection: DuckDBConnection;
  readonly seed: number;
  /** Flips for each kind of file, spread over all files of the kind; as many files are cut short, emptied and swapped. */
  readonly flipsPerKind: number;
};

export type CorpusReport = { readonly counts: ReadonlyMap<string, DamageCount>; readonly wrong: readonly string[] };

const kinds: Readonly<Record<string, RegExp>> = {
  pointer: /\/table\.json$/,
  commit: /_delta_log\/\d+\.json$/,
  checkpoint: /\.checkpoint\.parquet$/,
  hint: /_last_checkpoint$/,
  segment: /\/hs-[0-9a-f-]+\.parquet$/,
};

const events: SourceDefinition = {
  source_id: 'events',
  columns: [
    { name: 'id', type: 'bigint', nullable: false },
    { name: 'kind', type: 'string' },
    { name: 'price', type: 'decimal(10,2)' },
    { name: 'at', type: 'timestamp' },
  ],
  partition_columns: ['kind'],
};

export async function runDamageCorpus(options: CorpusOptions): Promise<CorpusReport> {
  const { folder, segmentWriter } = options;
  await buildVolume(folder, segmentWriter);
  const expected = await readEverything(options);
  const counts = new Map<string, DamageCount>();
  const wrong: string[] = [];
  const random = seededRandom(options.seed);
  const files = filesBelow(join(folder, 'data/tables'));
  for (const [kind, pattern] of Object.entries(kinds)) {
    const ofKind = files.filter((path) => pattern.test(path));
    for (const damage of plan(ofKind, options.flipsPerKind, random)) {
      const answer = await answerTo(damage, options);
      const isRight = answer === expected;
      const outcome = isRight ? 'right' : isNamed(answer, damage.path, folder) ? 'refused' : 'wrong';
      countDamage(counts, { file: kind, damage: damage.kind }, outcome);
      if (outcome === 'wrong')
        wrong.push(`${kind}: ${damage.what} of ${damage.path.slice(folder.length)}: ${answer.slice(0, 300)}`);
    }
    if (ofKind.length === 0) wrong.push(`${kind}: no file of this kind was made`);
  }
  return { counts, wrong };
}

async function buildVolume(folder: string, segmentWriter: SegmentWriter): Promise<void> {
  const engine = await openEngine(folder, { segmentWriter, limits: { commitsPerCheckpoint: 3 } });
  for (const source of ['events', 'others']) {
    await engine.putSource({ ...events, source_id: source });
    for (let batch = 0; batch < 4; batch += 1) {
      await engine.append({ sourceId: source, records: records(batch * 20, 20) });
      await engine.flush(source);
    }
  }
  const before = await engine.snapshot('events');
  const paths = before.files.filter((file) => file.partition['kind'] === 'red').map((file) => file.path);
  await engine.compact('events', { groups: [{ paths }], file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
  await engine.putSource({ ...events, columns: [...(events.columns ?? []), { name: 'note', type: 'string' }] });
  await engine.append({ sourceId: 'events', records: records(200, 5) });
  await engine.flush('events');
  await engine.close();
}

function records(from: number, count: number): { fields: Record<string, unknown> }[] {
  return Array.from({ length: count }, (_, index) => ({
    fields: {
      id: from + index,
      kind: ['red', 'green', null][index % 3],
      price: `${index}.25`,
      at: `2026-01-0${1 + (index % 9)}T00:00:00.000001Z`,
    },
  }));
}

interface Damage {
  readonly kind: DamageCount['damage'];
  readonly what: string;
  readonly path: string;
  apply(): void;
  undo(): void;
}

function* plan(files: readonly string[], flips: number, random: () => number): Generator<Damage> {
  for (let flip = 0; flip < flips; flip += 1) {
    const path = files[Math.floor(random() * files.length)]!;
    const bytes = readFileSync(path);
    const bit = Math.floor(random() * bytes.length * 8);
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    yield replaced('flip', `flip of bit ${bit}`, path, damaged);
  }
  for (const path of files.slice(0, flips)) {
    const bytes = readFileSync(path);
    yield replaced('truncation', 'empty file', path, Buffer.alloc(0));
    yield replaced('truncation', 'truncation', path, bytes.subarray(0, Math.floor(random() * (bytes.length - 1)) + 1));
    const line = bytes.lastIndexOf('\n', bytes.length - 2);
    if (line > 0) yield replaced('truncation', 'truncation after a line', path, bytes.subarray(0, line + 1));
    const other = files[Math.floor(random() * files.length)]!;
    if (other !== path)
      yield replaced('swapped', `content of ${basename(dirname(other))}/${basename(other)}`, path, readFileSync(other));
  }
}

/** In place, as rot is: no rename, the same inode. */
function replaced(kind: Damage['kind'], what: string, path: string, damaged: Buffer): Damage {
  const whole = readFileSync(path);
  return { kind, what, path, apply: () => writeFileSync(path, damaged), undo: () => writeFileSync(path, whole) };
}

async function answerTo(damage: Damage, options: CorpusOptions): Promise<string> {
  damage.apply();
  try {
    return await readEverything(options);
  } catch (error) {
    return describeError(error);
  } finally {
    damage.undo();
  }
}

function describeError(error: unknown): string {
  if (isHybridStoreError(error)) return `${error.code}: ${error.message} ${JSON.stringify(error.details)}`;
  return `no answer: ${error instanceof Error ? error.message : String(error)}`;
}

function isNamed(answer: string, path: string, folder: string): boolean {
  return answer.startsWith('corrupt: ') && answer.includes(basename(path)) && !answer.includes(folder);
}

let readers = 0;

/** All that a node knows of the volume, as text. */
async function readEverything({ folder, segmentWriter, connection }: CorpusOptions): Promise<string> {
  readers += 1;
  const engine = await openEngine(folder, { segmentWriter, pod: `reader-${readers}` });
  try {
    return JSON.stringify([
      await readSource(engine, connection, 'events'),
      await readSource(engine, connection, 'others'),
    ]);
  } finally {
    await engine.close();
  }
}

async function readSource(engine: Engine, connection: DuckDBConnection, sourceId: string): Promise<unknown> {
  const { definition, schemaVersion } = await engine.source(sourceId);
  const state = await engine.snapshot(sourceId);
  const { damaged: _found, ...stats } = await engine.stats(sourceId);
  const paths = await filesOf(engine, state);
  const list = paths.map((path) => `'${path}'`).join(', ');
  const reader = await connection.runAndReadAll(
    `select * from read_parquet([${list}], union_by_name = true, hive_partitioning = false) order by all`,
  );
  return {
    definition,
    schemaVersion,
    stats,
    files: state.files.toSorted((one, other) => (one.path < other.path ? -1 : 1)),
    txn: [...state.txn].sort(),
    rows: reader.getRowsJson(),
  };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && !path.includes('/.'))
    .sort();
}

/** Park and Miller: the same damage for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
