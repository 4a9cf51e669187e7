import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { FoundFiles } from '../src/load/find-files.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const folder = createTemporaryFolder('find-files');
const before = process.env['TMPDIR'];
const temporary = join(folder.path, 'tmp');
mkdirSync(temporary);
process.env['TMPDIR'] = temporary;
after(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  folder[Symbol.dispose]();
});

const content = Buffer.alloc(100_000, 'x');
const noInput = Readable.from([]);

describe('what a load keeps in the temporary folder', () => {
  for (const [ending, pack] of [['gz', gzipSync] as const, ['zst', zstdCompressSync] as const])
    it(`is a ${ending} file unpacked, up to the bound, and nothing is left behind`, async () => {
      const path = join(folder.path, `a.parquet.${ending}`);
      writeFileSync(path, pack(content));
      {
        using found = new FoundFiles(undefined, () => content.length);
        const [file] = await found.find([path], noInput);
        const unpacked = await found.unpack(file!);
        assert.deepEqual([unpacked.path, unpacked.size], [path, content.length]);
        assert.deepEqual(readFileSync(unpacked.content), content);
      }
      {
        using found = new FoundFiles(undefined, () => content.length - 1);
        const [file] = await found.find([path], noInput);
        await assert.rejects(found.unpack(file!), (error: Error & { code?: string }) => {
          assert.equal(error.code, 'too_large');
          assert.ok(
            error.message.startsWith(
              `${path}, unpacked: expected at most 99999 bytes, 90 % of what is free in ${temporary}`,
            ),
            error.message,
          );
          assert.match(error.message, /, found 100000 and more$/);
          return true;
        });
      }
      assert.deepEqual(readdirSync(temporary), []);
    });

  it('is standard input, under the same bound', async () => {
    {
      using found = new FoundFiles(undefined, () => 5);
      await assert.rejects(found.find(['-'], Readable.from([Buffer.from('123'), Buffer.from('456')])), {
        code: 'too_large',
        message: /^standard input: expected at most 5 bytes, .*, found 6 and more$/,
      });
    }
    assert.deepEqual(readdirSync(temporary), []);
  });

  it('is given up at an interrupt, and taken away', async () => {
    const interrupt = new AbortController();
    {
      using found = new FoundFiles(interrupt.signal);
      const endless = new Readable({
        read() {
          this.push(content);
          interrupt.abort();
        },
      });
      await assert.rejects(found.find(['-'], endless), { name: 'AbortError' });
    }
    assert.deepEqual(readdirSync(temporary), []);
  });

  it('has by default a bound from the free space, far above a small file', async () => {
    using found = new FoundFiles();
    const [file] = await found.find(['-'], Readable.from([content]));
    assert.equal(file?.size, content.length);
  });
});

describe('a load that is ended while it keeps standard input', () => {
  for (const [signals, code] of [
    [['SIGINT'], 130],
    [['SIGTERM'], 143],
    [['SIGTERM', 'SIGTERM'], 143],
    [['SIGINT', 'SIGINT'], 130],
  ] as const)
    it(`by ${signals.join(' and ')} leaves nothing behind and says by what it ended`, async () => {
      const command = [
        'load',
        '-',
        '--source',
        's',
        '--format',
        'csv',
        '--gateway',
        'http://127.0.0.1:1',
        '--token',
        't',
      ];
      const child = spawn(process.execPath, [main, ...command], { env: { ...process.env, TMPDIR: temporary } });
      child.stdin.write('id\n1\n');
      await untilKept();
      const ended = once(child, 'exit');
      for (const signal of signals) child.kill(signal);
      assert.deepEqual((await ended)[0], code);
      assert.deepEqual(readdirSync(temporary), []);
    });

  async function untilKept(): Promise<void> {
    for (let look = 0; look < 3_000; look += 1) {
      if (readdirSync(temporary, { recursive: true }).some((name) => String(name).endsWith('/1'))) return;
      await systemClock.sleep(10);
    }
    assert.fail('nothing is kept of standard input');
  }
});
