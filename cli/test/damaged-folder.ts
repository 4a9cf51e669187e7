import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceDefinition } from '@hybridstore/contracts';
import { openCheckedDatabase, sealJson } from '@hybridstore/runtime';
import type { SegmentWriter } from '../../packages/engine/src/segment/segment-writer.ts';
import { openEngine, tableFolder } from '../../packages/engine/test/engine-fixture.ts';

/** A data folder as a platform leaves it: a tenant's volume, the log of its node, and the databases of the services. */
export type DataFolder = {
  readonly path: string;
  readonly engine: string;
  /** Of `events`, absolute. */
  readonly table: string;
  readonly log: string;
};

const events: SourceDefinition = { source_id: 'events', columns: [{ name: 'n', type: 'bigint' }] };
const pod = 'hs-acme-0';

export async function buildDataFolder(path: string, segmentWriter: SegmentWriter): Promise<DataFolder> {
  const engineFolder = join(path, 'volumes', 'default');
  const engine = await openEngine(engineFolder, {
    segmentWriter,
    pod,
    limits: { commitsPerCheckpoint: 3, logSegmentBytesMax: 1_500 },
  });
  for (const source_id of ['events', 'others']) {
    await engine.putSource({ ...events, source_id });
    for (let batch = 0; batch < 4; batch += 1) {
      const records = Array.from({ length: 100 }, (_, row) => ({ fields: { n: batch * 100 + row } }));
      await engine.append({ sourceId: source_id, records, batchId: `${source_id}-${batch}` });
      await engine.flush(source_id);
    }
  }
  for (const name of ['members/hs-acme-1.json', 'members/hs-acme-1.batches.ledger'])
    await engine.store.overwrite(name, Buffer.from(sealJson({ pod: 'hs-acme-1', epoch: 1, batches: [] }, name)));
  await engine.close();
  for (const [service, name] of [
    ['gateway', 'users.sqlite'],
    ['catalog', 'catalog.sqlite'],
    ['monitoring', 'logs.sqlite'],
  ] as const)
    buildDatabase(join(path, 'volumes', service), name);
  return {
    path,
    engine: engineFolder,
    table: tableFolder(engineFolder, 'events'),
    log: join(engineFolder, 'log', pod),
  };
}

function buildDatabase(folder: string, name: string): void {
  mkdirSync(folder, { recursive: true });
  const database = openCheckedDatabase({
    folder,
    name,
    migrations: ['CREATE TABLE things (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT;'],
    ledgerSince: 1,
    journal: name === 'users.sqlite' ? 'rollback' : 'wal',
    synchronous: 'full',
    busyTimeoutMs: 0,
  });
  const insert = database.prepare('INSERT INTO things VALUES (?, ?)');
  for (let id = 0; id < 50; id += 1) insert.run(id, `word ${id}`);
  database.close();
}

/** All rows of a source, as a node that has just started on the folder counts them. */
export async function countRows(folder: DataFolder, source: string, segmentWriter: SegmentWriter): Promise<number> {
  const engine = await openEngine(folder.engine, { segmentWriter, pod });
  try {
    const state = await engine.snapshot(source);
    await engine.bringToLocal(state.files.map((file) => `${state.location}/${file.path}`));
    return state.files.reduce((rows, file) => rows + file.rows, 0);
  } finally {
    await engine.close();
  }
}

/** Names, bytes and modes of everything below. */
export function fingerprint(folder: string): string {
  const lines = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const stat = statSync(join(folder, name));
      const content = stat.isFile() ? hash('sha256', readFileSync(join(folder, name)), 'hex') : 'folder';
      return `${name} ${stat.mode} ${stat.mtimeMs} ${content}`;
    });
  return lines.join('\n');
}

/** One bit of the byte that stands at this share of the file. */
export function flip(path: string, share = 0.5): void {
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length * share)]! ^= 1;
  writeFileSync(path, bytes);
}

export function named(folder: string, pattern: RegExp): readonly string[] {
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort();
}

/** One bit of a text that stands in the file. */
export function flipText(path: string, text: string): void {
  const bytes = readFileSync(path);
  const position = bytes.indexOf(text);
  if (position < 0) throw new Error(`${text} does not stand in ${path}`);
  bytes[position]! ^= 1;
  writeFileSync(path, bytes);
}
