import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock, MemoryDisk, runGoldenScript } from '@hybridstore/test-kit';
import { frameKinds, framePrefixBytes, writeFrameHeader } from '../../src/wal/frame.ts';
import type { LogWriter } from '../../src/wal/log-writer.ts';
import { WriteAheadLog } from '../../src/wal/write-ahead-log.ts';

/**
 * Recovery as golden scripts: below each command stands what it must print, so a change of behaviour is a change of these
 * texts. Commands of `golden/log.txt`, a log alone:
 *
 *   new                    an empty disk
 *   open                   replays the log: one line a frame, or the error
 *   append TEXT…           one frame for each text, acknowledged before the next command
 *   write TEXT…            frames that are written, but whose fdatasync never ends
 *   crash KEPT             power off; KEPT unsynced writes of a file survive, a fraction tears one apart
 *   close                  a clean end
 *   flip SEGMENT BYTE      one bit turns over
 *   cut SEGMENT BYTES      that much is missing at the end
 *   lose SEGMENT           the file is gone
 *   files                  segments and their sizes
 */
const frameBytes = 64;
const tag = 1n;

class Script {
  readonly #disk = new MemoryDisk();
  #log: WriteAheadLog | undefined;
  #writer: LogWriter | undefined;

  async run(line: string): Promise<string[]> {
    const [command = '', ...words] = line.split(' ');
    switch (command) {
      case 'open':
        return this.#open();
      case 'append':
        return [`LSN ${(await Promise.all(words.map((text) => this.#append(text)))).join(' ')}`];
      case 'write':
        this.#disk.hang = (operation) => operation === 'datasync';
        for (const text of words) void this.#append(text);
        for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        return [];
      case 'crash':
        this.#disk.crash(() => Number(words[0]));
        return [];
      case 'close':
        await this.#log?.close();
        return [];
      default:
        return this.#damage(command, words);
    }
  }

  async #open(): Promise<string[]> {
    try {
      this.#log = await WriteAheadLog.open({
        folder: '/log',
        disk: this.#disk,
        clock: new FakeClock(),
        logger: silentLogger,
        segmentBytesMax: 300,
        queueBytesMax: 100_000,
        batchIdsMax: 10,
        batchIdRetentionHours: 24,
        retentionHours: 1,
        logBytesMax: 1_000_000,
        onFailure: () => {},
      });
    } catch (error) {
      assert.ok(isHybridStoreError(error));
      return [`${error.code}: ${error.message}`];
    }
    const found: string[] = [];
    await this.#log.replay({
      table: () => true,
      frame: () => true,
      apply: (header, bytes) =>
        found.push(`${header.lsn}=${bytes.toString('utf8', header.payloadAt).replaceAll('\0', '')}`),
    });
    this.#writer = this.#log.start(0);
    return [found.length === 0 ? 'empty' : found.join(' ')];
  }

  #append(text: string): Promise<number> {
    const prefix = framePrefixBytes('t', undefined);
    const frame = Buffer.alloc(prefix + frameBytes);
    writeFrameHeader(frame, { kind: frameKinds.batch, sourceId: 't', tableTag: tag, schemaVersion: 1, rows: 1 });
    frame.write(text, prefix);
    return new Promise((acknowledge, refuse) =>
      this.#writer!.enqueue({ frame, isLogged: true, table: 't/1', batchKey: undefined, rows: 1, acknowledge, refuse }),
    );
  }

  async #damage(command: string, [segment = '', amount = '0']: string[]): Promise<string[]> {
    const path = `/log/${segment.padStart(20, '0')}.log`;
    if (command === 'lose') await this.#disk.remove(path);
    else if (command === 'flip') this.#disk.bytesOf(path)[Number(amount)]! ^= 1;
    else if (command === 'cut') {
      const bytes = this.#disk.bytesOf(path);
      this.#disk.setBytes(path, Buffer.from(bytes.subarray(0, bytes.length - Number(amount))));
    } else return this.#files();
    return [];
  }

  async #files(): Promise<string[]> {
    const names = (await this.#disk.list('/log')).filter((name) => name.endsWith('.log'));
    return [names.map((name) => `${Number(name.slice(0, 20))}:${this.#disk.bytesOf(`/log/${name}`).length}`).join(' ')];
  }
}

test('what a log is after crashes, torn writes and damage', async () => {
  let script = new Script();
  await runGoldenScript(new URL('golden/log.txt', import.meta.url), async (command) => {
    if (command !== 'new') return script.run(command);
    script = new Script();
    return [];
  });
});
