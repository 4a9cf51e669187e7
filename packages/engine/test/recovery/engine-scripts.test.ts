import { join } from 'node:path';
import { test } from 'node:test';
import type { FileStatistics } from '@hybridstore/contracts';
import { groupFile, isHybridStoreError, silentLogger } from '@hybridstore/runtime';
import { type DiskOperation, FakeClock, MemoryDisk, osError, runGoldenScript } from '@hybridstore/test-kit';
import { createEngine } from '../../src/engine.ts';
import type { Engine } from '../../src/ports.ts';
import { segmentName } from '../../src/segment/file-names.ts';
import type { SegmentWriter } from '../../src/segment/segment-writer.ts';

/**
 * What a node finds after it died, as a golden script (`golden/engine.txt`): a log and tables together, two nodes `a` and
 * `b` of one tenant on one disk. A segment is a file of the number of its rows; everything else is the engine itself.
 *
 *   new                      an empty disk
 *   NODE start               opens the log, reads the tables, replays: what is where, or the error
 *   NODE create|delete SOURCE
 *   NODE append SOURCE N     N rows in one batch; N@ID with a batch id
 *   NODE flush SOURCE
 *   NODE state               the newest version of each table, and the node's own rows that are in none
 *   fail OPERATION PATTERN   the next one of that kind on a path with that text fails with EIO, having done nothing
 *   lost OPERATION PATTERN   … fails with EIO, having been done
 *   kill                     the processes end; the disk keeps what they wrote
 *   crash                    power off: the disk keeps what was synced
 *   damage PATTERN           the file that was linked last with that text in its path is torn
 *   remove PREFIX            everything below is gone, as a volume that is not mounted
 *   room BYTES               so many more fit onto the disk
 *   flip PATH BYTE           one bit turns over
 *   NODE problems            what is wrong although it serves
 */
class Script {
  readonly #disk = new MemoryDisk();
  readonly #clock = new FakeClock();
  readonly #nodes = new Map<string, Engine>();
  #segments = 0;

  async run(command: string): Promise<readonly string[]> {
    const [first = '', verb = '', ...words] = command.split(' ');
    if (first === 'fail' || first === 'lost') return this.#arm(first, verb, words[0] ?? '');
    if (first === 'kill' || first === 'crash') return this.#end(first);
    if (first === 'remove') return this.#remove(verb);
    if (first === 'damage') return this.#damage(verb);
    if (first === 'room') return this.#leaveRoom(Number(verb));
    if (first === 'flip') return this.#flip(verb, Number(words[0]));
    try {
      return await this.#node(first, verb, words);
    } catch (error) {
      return [describeError(error)];
    }
  }

  async #node(name: string, verb: string, [source = '', amount = '']: readonly string[]): Promise<readonly string[]> {
    if (verb === 'start') {
      this.#nodes.set(name, await this.#open(name));
      return this.#describe(this.#engine(name));
    }
    const engine = this.#engine(name);
    switch (verb) {
      case 'create':
        return [(await engine.putSource({ source_id: source })).created ? 'created' : 'was there'];
      case 'delete':
        return [(await engine.deleteSource(source)) ? 'deleted' : 'was not there'];
      case 'append':
        return [await this.#append(engine, source, amount)];
      case 'problems':
        return engine.problems().map(({ kind, message }) => `${kind}: ${message}`);
      case 'close':
        await engine.close();
        return [];
      case 'flush': {
        const { rows, tableVersion } = await engine.flush(source);
        return [`${rows} rows, version ${tableVersion}`];
      }
      default:
        return this.#describe(engine);
    }
  }

  async #append(engine: Engine, sourceId: string, amount: string): Promise<string> {
    const [rows = '0', batchId] = amount.split('@');
    const records = Array.from({ length: Number(rows) }, () => ({ fields: { a: 1 } }));
    const { lsn, duplicate } = await engine.append({ sourceId, records, ...(batchId ? { batchId } : {}) });
    return duplicate ? `LSN ${lsn}, known` : `LSN ${lsn}`;
  }

  async #describe(engine: Engine): Promise<readonly string[]> {
    const { states, damaged } = await engine.sources();
    const lines = states.map(async ({ sourceId }) => {
      const { version, files } = await engine.snapshot(sourceId);
      const rows = files.reduce((sum, file) => sum + file.rows, 0);
      const { frames } = engine.fresh(sourceId, 0);
      const fresh = frames.map((frame) => `${frame.rows} of LSN ${frame.lsn}`);
      return `${sourceId}: version ${version}, ${rows} rows; fresh: ${fresh.join(', ') || 'none'}`;
    });
    const all = [...(await Promise.all(lines)), ...damaged.map((sourceId) => `${sourceId}: damaged`)];
    return all.length === 0 ? ['no source'] : all;
  }

  #open(name: string): Promise<Engine> {
    return createEngine({
      pod: `hs-acme-${name}`,
      logFolder: `/log/${name}`,
      dataFolder: '/data',
      disk: this.#disk,
      clock: this.#clock,
      logger: silentLogger,
      onFatal: () => {},
      random: () => 0,
      segmentWriter: this.#createWriter(),
    });
  }

  #createWriter(): SegmentWriter {
    return {
      write: async ({ target, rows }) => {
        this.#segments += 1;
        const path = segmentName(target.filePrefix, String(this.#segments).padStart(16, '0'));
        const file = await this.#disk.open(join(target.folder, path), groupFile);
        const content = Buffer.from(String(rows));
        await file.write(content, 0);
        await file.datasync();
        const bytes = content.length;
        const statistics: FileStatistics = { path, bytes, rows, partition: {}, columns: {}, modified_at: 0 };
        return [{ statistics, checksum: '' }];
      },
      merge: () => Promise.reject(new Error('nothing is merged here')),
      checkpoint: () => Promise.reject(new Error('no checkpoint is due')),
      close: async () => {},
    };
  }

  #arm(kind: 'fail' | 'lost', operation: string, pattern: string): readonly string[] {
    let isArmed = true;
    const strike = (done: DiskOperation, path: string) => {
      if (!isArmed || done !== operation || !path.includes(pattern)) return undefined;
      isArmed = false;
      return osError('EIO');
    };
    if (kind === 'fail') this.#disk.fault = strike;
    else this.#disk.faultAfter = strike;
    return [];
  }

  #end(how: 'kill' | 'crash'): readonly string[] {
    if (how === 'crash') this.#disk.crash();
    else this.#disk.kill();
    this.#nodes.clear();
    return [];
  }

  #leaveRoom(bytes: number): readonly string[] {
    this.#disk.capacityBytes = this.#disk.usedBytes + bytes;
    return [];
  }

  #flip(path: string, byte: number): readonly string[] {
    this.#disk.bytesOf(path)[byte]! ^= 1;
    return [];
  }

  async #remove(prefix: string): Promise<readonly string[]> {
    await this.#disk.removeFolder(prefix);
    return [];
  }

  #damage(pattern: string): readonly string[] {
    const linked = this.#disk.operations.findLast((line) => line.startsWith('link ') && line.includes(pattern));
    this.#disk.setBytes(linked?.slice('link '.length) ?? '', Buffer.from('{torn'));
    return [];
  }

  #engine(name: string): Engine {
    const engine = this.#nodes.get(name);
    if (!engine) throw new Error(`${name} has not started`);
    return engine;
  }
}

/** Ids of tables are random. */
function describeError(error: unknown): string {
  if (isHybridStoreError(error))
    return `${error.code}: ${error.message.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, 'ID')}`;
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

test('what a node finds in its log and in the tables after it died', async () => {
  let script = new Script();
  await runGoldenScript(new URL('golden/engine.txt', import.meta.url), async (command) => {
    if (command !== 'new') return script.run(command);
    script = new Script();
    return [];
  });
});
