import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { writePrivateJson } from '../start/private-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-private-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('a private file', () => {
  it('is for its owner alone, also in the place of one that others could read, and leaves nothing beside it', async () => {
    const path = join(folder, 'admin.json');
    writeFileSync(path, 'old', { mode: 0o644 });
    await writePrivateJson(path, { username: 'admin' });
    assert.equal(readFileSync(path, 'utf8'), '{\n  "username": "admin"\n}\n');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ['admin.json']);
  });

  it('is not begun in a folder that is not there', async () => {
    await assert.rejects(writePrivateJson(join(folder, 'nowhere', 'admin.json'), {}), { code: 'ENOENT' });
  });
});
