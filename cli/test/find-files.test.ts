import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { FoundFiles } from '../src/load/find-files.ts';

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
