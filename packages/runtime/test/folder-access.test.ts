import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { closeFolder, ofGroupAndOthers, ofOthers, tightenFolder, withholdFromNewFiles } from '../src/index.ts';

const root = mkdtempSync(join(tmpdir(), 'hybridstore-access-'));
after(() => rmSync(root, { recursive: true }));

const data = join(root, 'data');
const at = (...path: readonly string[]) => join(data, ...path);
const modeOf = (path: string) => statSync(path).mode & 0o7777;

function makeFolder(path: string, mode = 0o755): void {
  mkdirSync(path);
  chmodSync(path, mode);
}

function makeFile(path: string, mode = 0o644): void {
  writeFileSync(path, path);
  chmodSync(path, mode);
}

beforeEach(() => {
  rmSync(data, { recursive: true, force: true });
  makeFolder(data);
});

describe('a folder that is tightened', () => {
  it('loses what group and others may do with it and with all that is in it, and nothing else', () => {
    makeFolder(at('deep'), 0o777);
    makeFolder(at('deep', 'deeper'), 0o2770);
    makeFile(at('deep', 'deeper', 'program'), 0o755);
    makeFile(at('secret'));
    makeFile(at('private'), 0o600);
    assert.deepEqual(tightenFolder(data, { rights: ofGroupAndOthers }), { changed: 5, left: 0, isWhole: true });
    const modes = [
      data,
      at('deep'),
      at('deep', 'deeper'),
      at('deep', 'deeper', 'program'),
      at('secret'),
      at('private'),
    ];
    assert.deepEqual(modes.map(modeOf), [0o700, 0o700, 0o2700, 0o700, 0o600, 0o600]);
    assert.deepEqual(tightenFolder(data, { rights: ofGroupAndOthers }), { changed: 0, left: 0, isWhole: true });
  });

  it('keeps the rights of a group where only those of others are asked for', () => {
    makeFile(at('shared'), 0o664);
    chmodSync(data, 0o2775);
    tightenFolder(data, { rights: ofOthers });
    assert.deepEqual([modeOf(data), modeOf(at('shared'))], [0o2770, 0o660]);
  });

  it('is found through a symbolic link, and none in it is followed', () => {
    makeFolder(join(root, 'elsewhere'));
    makeFile(join(root, 'elsewhere', 'file'));
    symlinkSync(join(root, 'elsewhere'), at('folder'));
    symlinkSync(join(root, 'elsewhere', 'file'), at('file'));
    symlinkSync(join(root, 'nowhere'), at('dangling'));
    symlinkSync(data, join(root, 'link'));
    assert.deepEqual(tightenFolder(join(root, 'link'), { rights: ofGroupAndOthers }).changed, 1);
    assert.deepEqual([modeOf(data), modeOf(join(root, 'elsewhere'))], [0o700, 0o755]);
    assert.equal(modeOf(join(root, 'elsewhere', 'file')), 0o644);
    assert.ok(!existsSync(join(root, 'nowhere')));
  });

  it('changes a file with several names only when all of them are in it', () => {
    makeFile(at('ours'));
    makeFolder(at('staging'));
    linkSync(at('ours'), at('staging', 'ours'));
    makeFile(join(root, 'foreign'));
    linkSync(join(root, 'foreign'), at('foreign'));
    linkSync(join(root, 'foreign'), at('foreign-too'));
    assert.deepEqual(tightenFolder(data, { rights: ofGroupAndOthers }), { changed: 3, left: 1, isWhole: true });
    assert.deepEqual([modeOf(at('ours')), modeOf(join(root, 'foreign'))], [0o600, 0o644]);
  });

  it('reaches sockets, and does not wait for the other end of a pipe', async () => {
    const server = createServer().listen(at('socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    chmodSync(at('socket'), 0o777);
    tightenFolder(data, { rights: ofGroupAndOthers });
    assert.equal(modeOf(at('socket')), 0o700);
    await new Promise((resolve) => server.close(resolve));
  });

  it('is walked up to a bound, itself first', () => {
    for (const name of ['a', 'b', 'c']) makeFile(at(name));
    assert.deepEqual(tightenFolder(data, { rights: ofGroupAndOthers, entriesMax: 2 }), {
      changed: 2,
      left: 0,
      isWhole: false,
    });
    assert.equal(modeOf(data), 0o700);
    chmodSync(data, 0o755);
    for (const name of ['a', 'b', 'c']) chmodSync(at(name), 0o644);
    assert.deepEqual(tightenFolder(data, { rights: ofGroupAndOthers, entriesMax: 4 }), {
      changed: 4,
      left: 0,
      isWhole: true,
    });
  });
});

it("a service's folder is closed to others and said so once; an absent one is no fault", () => {
  const said: unknown[] = [];
  const logger = { warn: (event: string, fields?: object) => void said.push([event, fields]) };
  makeFile(at('users.sqlite'), 0o664);
  closeFolder(data, logger);
  closeFolder(data, logger);
  closeFolder(at('absent'), logger);
  assert.deepEqual(said, [['folder_closed_to_others', { entries: 2 }]]);
  assert.deepEqual([modeOf(data), modeOf(at('users.sqlite'))], [0o750, 0o660]);
});

it('what is made after rights were withheld lacks them, whatever mode is asked for', () => {
  const before = process.umask(0o000);
  try {
    withholdFromNewFiles(ofOthers);
    withholdFromNewFiles(ofGroupAndOthers);
    writeFileSync(at('file'), '', { mode: 0o666 });
    mkdirSync(at('folder'), { mode: 0o777 });
    assert.deepEqual([modeOf(at('file')), modeOf(at('folder'))], [0o600, 0o700]);
    // A narrower mask is never widened.
    withholdFromNewFiles(ofOthers);
    assert.equal(process.umask(before), ofGroupAndOthers);
  } finally {
    process.umask(before);
  }
});
