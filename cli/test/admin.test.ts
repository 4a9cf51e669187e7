import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, before, beforeEach, describe, it } from 'node:test';
import { systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, runGoldenScript } from '@hybridstore/test-kit';
import { createSharedWriter } from '../../packages/engine/test/engine-fixture.ts';
import { runCommandLine } from '../src/command-line.ts';
import type { PrintedFinding, PrintedPart } from '../src/output/findings.ts';
import { buildDataFolder, countRows, type DataFolder, fingerprint, flip, flipText, named } from './damaged-folder.ts';
import { FakeGateway } from './fake-gateway.ts';

// A data folder made by the engine, damaged one file at a time; the command line in this process.

const root = createTemporaryFolder('admin-command');
mkdirSync(join(root.path, 'spool'));
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
let whole: DataFolder;
let copies = 0;

before(async () => {
  whole = await buildDataFolder(join(root.path, 'whole'), segmentWriter);
});
after(async () => {
  await segmentWriter.close();
  root[Symbol.dispose]();
});

/** The same folder, for one test to damage. */
function copyFolder(): DataFolder {
  copies += 1;
  const path = join(root.path, `copy-${copies}`);
  cpSync(whole.path, path, { recursive: true, preserveTimestamps: true });
  const moved = (below: string) => below.replace(whole.path, path);
  return { path, engine: moved(whole.engine), table: moved(whole.table), log: moved(whole.log) };
}

async function run(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const sink = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk, _encoding, done) => {
        texts[name] += String(chunk);
        done();
      },
    });
  const code = await runCommandLine(argv, {
    stdin: Readable.from(['']),
    stdout: sink('out'),
    stderr: sink('err'),
    variables: {},
    signal: new AbortController().signal,
  });
  return { code, ...texts };
}

type Report = {
  readonly stage: string;
  readonly parts: readonly PrintedPart[];
  readonly findings: readonly (PrintedFinding & { readonly planned: boolean })[];
  readonly notes: readonly string[];
};

/** Of a check it is also asserted that nothing changed. */
async function check(folder: DataFolder): Promise<{ code: number; report: Report }> {
  const before = fingerprint(folder.path);
  const { code, out, err } = await run('--data-dir', folder.path, 'admin', 'check', '--json');
  assert.equal(fingerprint(folder.path), before, 'a check changes nothing');
  assert.ok(out !== '', err);
  return { code, report: JSON.parse(out) };
}

async function repair(folder: DataFolder, ...flags: readonly string[]): Promise<{ code: number; stages: Report[] }> {
  const { code, out, err } = await run('--data-dir', folder.path, 'admin', 'repair', '--json', ...flags);
  assert.ok(out !== '', err);
  return {
    code,
    stages: out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

const segments = /^hs-.*\.parquet$/;
const at = (folder: DataFolder, name: string) => join(folder.path, 'volumes', name);

it('reads everything of a whole folder and finds nothing', async () => {
  const { code, report } = await check(whole);
  assert.deepEqual([code, report.findings, report.notes], [0, [], []]);
  assert.deepEqual(
    report.parts.map(({ kind, name, withoutChecksum }) => [kind, name, withoutChecksum]),
    [
      ['tables', 'volumes/default/data', 0],
      ['log', 'volumes/default/log/hs-acme-0', 0],
      ['users', 'volumes/gateway/users.sqlite', 0],
      ['catalog', 'volumes/catalog/catalog.sqlite', 0],
      ['logs', 'volumes/monitoring/logs.sqlite', 0],
    ],
  );
});

type Case = {
  readonly what: string;
  readonly damage: (folder: DataFolder) => void;
  readonly finds: readonly (readonly [
    kind: string,
    source: string | undefined,
    file: RegExp,
    effect: RegExp,
    planned: boolean,
  ])[];
};

const queriesGoOn = /^queries are answered/;
const cases: readonly Case[] = [
  {
    what: 'a segment of a table',
    damage: ({ table }) => flip(join(table, named(table, segments)[0]!)),
    finds: [['tables', 'events', /hs-.*\.parquet$/, /^queries that need its 100 rows are refused/, false]],
  },
  {
    what: 'a segment that is missing',
    damage: ({ table }) => rmSync(join(table, named(table, segments)[0]!)),
    finds: [['tables', 'events', /hs-.*\.parquet$/, /^queries that need its 100 rows/, false]],
  },
  {
    what: 'a checkpoint',
    damage: ({ table }) => flip(join(table, '_delta_log/00000000000000000003.checkpoint.parquet')),
    finds: [['tables', 'events', /0003\.checkpoint\.parquet$/, queriesGoOn, true]],
  },
  {
    what: 'the hint beside the checkpoints',
    damage: ({ table }) => flip(join(table, '_delta_log/_last_checkpoint')),
    finds: [['tables', 'events', /_last_checkpoint$/, queriesGoOn, true]],
  },
  {
    what: 'a commit before a checkpoint',
    damage: ({ table }) => flip(join(table, '_delta_log/00000000000000000001.json')),
    finds: [['tables', 'events', /0001\.json$/, queriesGoOn, false]],
  },
  {
    what: 'the newest commit',
    damage: ({ table }) => flip(join(table, '_delta_log/00000000000000000004.json')),
    finds: [['tables', 'events', /0004\.json$/, /^queries of events and writes to it are refused/, false]],
  },
  {
    what: 'a pointer',
    damage: ({ table }) => flip(join(table, '../table.json')),
    finds: [['tables', 'events', /^tables\/events\/table\.json$/, /^queries of events/, false]],
  },
  {
    what: 'a pointer that is missing',
    damage: ({ table }) => rmSync(join(table, '../table.json')),
    finds: [['tables', 'events', /^tables\/events\/table\.json$/, /^queries of events/, false]],
  },
  {
    what: 'a table log that is missing',
    damage: ({ table }) => rmSync(join(table, '_delta_log'), { recursive: true }),
    finds: [['tables', 'events', /_delta_log$/, /^queries of events/, false]],
  },
  {
    what: 'a member',
    damage: (folder) => flip(at(folder, 'default/data/members/hs-acme-1.json')),
    finds: [['tables', undefined, /^members\/hs-acme-1\.json$/, /refuse what needs them$/, false]],
  },
  {
    what: 'a ledger',
    damage: (folder) => flip(at(folder, 'default/data/members/hs-acme-1.batches.ledger')),
    finds: [['tables', undefined, /\.batches\.ledger$/, /^batches with an id/, false]],
  },
  {
    what: 'committed frames of the log',
    damage: ({ log }) => flip(join(log, named(log, /\.log$/)[0]!)),
    finds: [['log', undefined, /\.log$/, /^none for queries/, true]],
  },
  {
    what: 'batch ids that their segment has',
    damage: ({ log }) => flip(join(log, named(log, /\.ids$/)[0]!)),
    finds: [['log', undefined, /\.ids$/, /^none: its segment has the ids/, true]],
  },
  {
    what: 'one slot of the head',
    damage: ({ log }) => flip(join(log, 'head'), 0),
    finds: [['log', undefined, /^head$/, /^how far the log was durable/, true]],
  },
  {
    what: 'the id of the log',
    damage: ({ log }) => writeFileSync(join(log, 'log-id'), `${'0'.repeat(32)}\n`),
    finds: [['log', undefined, /^log-id$/, /^the node of this log does not start/, true]],
  },
  {
    what: 'the users',
    damage: (folder) => flipText(at(folder, 'gateway/users.sqlite'), 'word 7'),
    finds: [['users', undefined, /^users\.sqlite$/, /^the gateway does not start/, false]],
  },
  {
    what: 'the catalog',
    damage: (folder) => flipText(at(folder, 'catalog/catalog.sqlite'), 'word 7'),
    finds: [['catalog', undefined, /^catalog\.sqlite$/, /^the catalog begins with an empty one/, true]],
  },
  {
    what: 'the log lines of monitoring, cut short',
    damage: (folder) => truncateSync(at(folder, 'monitoring/logs.sqlite'), 5_000),
    finds: [['logs', undefined, /^logs\.sqlite$/, /^monitoring begins with an empty one/, true]],
  },
];

describe('finds by part, source and file what is damaged, and changes nothing', () => {
  for (const { what, damage, finds } of cases)
    it(what, async () => {
      const folder = copyFolder();
      damage(folder);
      const { code, report } = await check(folder);
      assert.equal(code, 1);
      assert.equal(report.findings.length, finds.length, JSON.stringify(report.findings, null, 2));
      for (const [index, [kind, source, file, effect, planned]] of finds.entries()) {
        const found = report.findings[index]!;
        assert.deepEqual([found.kind, found.source, found.planned], [kind, source, planned], JSON.stringify(found));
        assert.match(found.file, file);
        assert.match(found.effect, effect);
        assert.ok(!JSON.stringify(found).includes(root.path), 'no finding names a folder of the machine');
      }
    });
});

describe('a repair', () => {
  it('says what it would do, and does nothing without --yes', async () => {
    const folder = copyFolder();
    flip(join(folder.table, '_delta_log/00000000000000000003.checkpoint.parquet'));
    const before = fingerprint(folder.path);
    const { code, stages } = await repair(folder);
    assert.equal(fingerprint(folder.path), before);
    assert.deepEqual([code, stages.map(({ stage }) => stage)], [1, ['plan']]);
    assert.deepEqual(stages[0]!.notes, ['nothing was changed: --yes does the step above']);
  });

  it('moves everything that is spare aside, keeps its bytes, and leaves a folder on which a node starts with all rows', async () => {
    const folder = copyFolder();
    const damaged = [
      join(folder.table, '_delta_log/00000000000000000003.checkpoint.parquet'),
      join(folder.table, '_delta_log/_last_checkpoint'),
      join(folder.log, named(folder.log, /\.log$/)[0]!),
      join(folder.log, 'head'),
      at(folder, 'catalog/catalog.sqlite'),
    ];
    for (const path of damaged)
      if (path.endsWith('.sqlite')) flipText(path, 'word 7');
      else flip(path, path.endsWith('head') ? 0 : 0.5);
    const bytes = damaged.map((path) => readFileSync(path).toString('hex'));
    const { code, stages } = await repair(folder, '--yes');
    assert.equal(code, 0, JSON.stringify(stages.at(-1), null, 2));
    assert.deepEqual(
      stages.map(({ stage, findings }) => [stage, findings.length]),
      [
        ['before', 5],
        ['after', 0],
      ],
    );
    const kept = new Set(
      readdirSync(folder.path, { recursive: true, encoding: 'utf8' })
        .map((name) => join(folder.path, name))
        .filter((path) => statSync(path).isFile())
        .map((path) => readFileSync(path).toString('hex')),
    );
    for (const [index, content] of bytes.entries()) assert.ok(kept.has(content), `${damaged[index]} is kept`);
    assert.equal(await countRows(folder, 'events', segmentWriter), 400);
    assert.equal(await countRows(folder, 'others', segmentWriter), 400);
    assert.equal((await check(folder)).code, 0);
  });

  it('keeps a damaged file in its table, unless its rows are given up by name', async () => {
    const folder = copyFolder();
    const name = named(folder.table, segments)[0]!;
    flip(join(folder.table, name));
    const refused = await repair(folder, '--yes');
    assert.deepEqual([refused.code, named(folder.table, segments).includes(name)], [1, true]);
    await assert.rejects(countRows(folder, 'events', segmentWriter), /corrupt|damaged/);

    const { code, stages } = await repair(folder, '--drop-damaged-files', '--yes');
    assert.equal(code, 0);
    assert.match(stages[0]!.findings[0]!.repair, /gives up its 100 rows$/);
    assert.equal(await countRows(folder, 'events', segmentWriter), 300);
    const [kept] = readdirSync(join(folder.table, '_quarantine'));
    assert.match(kept ?? '', new RegExp(`^kept-\\d{13}-${name}$`));
  });

  it('makes the id of a log again from its segments', async () => {
    const folder = copyFolder();
    const logId = readFileSync(join(folder.log, 'log-id'), 'utf8');
    writeFileSync(join(folder.log, 'log-id'), `${'0'.repeat(32)}\n`);
    assert.equal((await repair(folder, '--yes')).code, 0);
    assert.equal(await countRows(folder, 'events', segmentWriter), 400);
    assert.equal(readFileSync(join(folder.log, 'log-id'), 'utf8'), logId);
  });

  it('never touches the users unasked, and says loudly what asking for it costs', async () => {
    const folder = copyFolder();
    flipText(at(folder, 'gateway/users.sqlite'), 'word 7');
    const before = fingerprint(at(folder, 'gateway'));
    const unasked = await repair(folder, '--yes');
    assert.equal(unasked.code, 1);
    assert.match(unasked.stages[1]!.findings[0]!.repair, /^nothing: put the file back from a copy/);
    assert.equal(fingerprint(at(folder, 'gateway')), before);

    const asked = await repair(folder, '--reset-users', '--yes');
    assert.equal(asked.code, 0);
    assert.match(asked.stages[0]!.findings[0]!.repair, /ALL USERS, GRANTS AND API KEYS ARE GONE$/);
    assert.deepEqual(
      readdirSync(at(folder, 'gateway')).filter((name) => name.startsWith('users.sqlite.unusable')).length > 0,
      true,
    );
  });

  it('is refused while a node has a log open; a check is not', async () => {
    const folder = copyFolder();
    flip(join(folder.log, 'head'), 0);
    const lock = await systemDisk.lock(join(folder.log, 'lock'), 0o640);
    try {
      const { code, err } = await run('--data-dir', folder.path, 'admin', 'repair', '--yes');
      assert.equal(code, 1);
      assert.match(err, /error: log volumes\/default\/log\/hs-acme-0: a node has it open; end it before a repair\n$/);
      assert.equal((await check(folder)).code, 1);
    } finally {
      lock.release();
    }
  });

  it('is refused while a platform runs on the folder; a check says so', async () => {
    const folder = copyFolder();
    const holder = spawn(process.execPath, ['-e', "console.log(''); setInterval(() => {}, 1_000)", 'scripts/start.ts']);
    try {
      await once(holder.stdout, 'data');
      writeFileSync(join(folder.path, 'platform.pid'), String(holder.pid));
      const { code, out, err } = await run('--data-dir', folder.path, 'admin', 'repair', '--yes');
      assert.deepEqual([code, out], [1, '']);
      assert.match(err, new RegExp(`found it in use by process ${holder.pid}; end it before a repair`));
      const { code: checked, report } = await check(folder);
      assert.equal(checked, 0);
      assert.match(report.notes[0]!, new RegExp(`^process ${holder.pid} runs on this folder`));
    } finally {
      holder.kill('SIGKILL');
    }
  });

  it('leaves a damaged segment in the middle of a log, which a node passes over', async () => {
    const folder = copyFolder();
    const logs = named(folder.log, /\.log$/);
    assert.ok(logs.length >= 3, `${logs.length} segments`);
    flip(join(folder.log, logs[1]!));
    const { code, stages } = await repair(folder, '--yes');
    assert.equal(code, 1);
    assert.match(stages[1]!.findings[0]!.repair, /^nothing: a node passes over it/);
    assert.equal(await countRows(folder, 'events', segmentWriter), 400);
  });
});

/** What a person sees, without ids, sizes and folders that are others each time. */
async function show(folder: DataFolder, argv: readonly string[]): Promise<readonly string[]> {
  const ran = await run('--data-dir', folder.path, ...argv);
  const text = `${ran.out}${ran.err}exit code ${ran.code}`
    .replaceAll(folder.path, '<folder>')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<table>')
    .replaceAll(/hs-[0-9a-f]{8}-[0-9a-f]{32}/g, 'hs-<file>')
    .replaceAll(/\d+ bytes/g, '<n> bytes')
    .replaceAll(/bytes \d+ to \d+/g, 'bytes <n> to <n>')
    .replaceAll(/^(tables|log|users|catalog|logs)( +\S+ +\d+ +)\d+/gm, '$1$2<n>');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trimEnd());
}

it('prints for people as the golden script says', async () => {
  const folder = copyFolder();
  const damages: Readonly<Record<string, () => void>> = {
    segment: () => flip(join(folder.table, named(folder.table, segments)[0]!)),
    checkpoint: () => flip(join(folder.table, '_delta_log/00000000000000000003.checkpoint.parquet')),
    users: () => flipText(at(folder, 'gateway/users.sqlite'), 'word 7'),
  };
  await runGoldenScript(new URL('./admin.golden.txt', import.meta.url), async (command) => {
    const [verb = '', ...rest] = command.split(' ');
    if (verb !== 'damage') return show(folder, [verb, ...rest]);
    damages[rest[0] ?? '']!();
    return ['done'];
  });
});

describe('a running platform', () => {
  const problem = {
    kind: 'segment',
    name: 'hs-1.parquet',
    reason: 'source numbers: file hs-1.parquet is damaged: it is missing',
    rows: 7,
  };
  const checked = {
    source_id: 'numbers',
    location: 'tables/numbers/t',
    readable: true,
    objects: 3,
    bytes: 30,
    files_without_checksum: 1,
  };
  const ndjson = (...lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const done = { done: { node: 'acme-0', sources: 1, logs: 1, damaged: 1 } };
  const log = { node: 'acme-0', files: 4, bytes: 40, problems: [] };
  const database = (file: string) => ({ file, bytes: 9, has_ledger: true });
  const refusal = { code: 'forbidden', message: 'only the administrator of the platform may call this' } as const;
  let gateway: FakeGateway;
  before(async () => {
    gateway = await FakeGateway.start();
  });
  beforeEach(() => {
    gateway.handlers.set('/admin/check', () => ndjson({ checked: { ...checked, problems: [] } }, { log }, done));
    for (const [name, file] of Object.entries({ users: 'users', catalog: 'catalog', logs: 'logs' }))
      gateway.handlers.set(`/admin/check/${name}`, () => database(`${file}.sqlite`));
  });
  after(() => gateway.stop());
  const ask = (...flags: readonly string[]) =>
    run('--gateway', gateway.url, '--token', 'mine', '-t', 'default/acme', 'admin', ...flags);

  it('is asked for its tables when no folder is named', async () => {
    const progress = { progress: { source_id: 'numbers', bytes: 20 } };
    gateway.handlers.set('/admin/check', () =>
      ndjson(progress, { checked: { ...checked, problems: [problem] } }, done),
    );
    const { code, out } = await ask('check', '--json');
    assert.equal(code, 1);
    const { parts, findings } = JSON.parse(out) as Report;
    assert.deepEqual(parts[0], {
      kind: 'tables',
      name: 'default/acme',
      files: 3,
      bytes: 30,
      withoutChecksum: 1,
      damaged: 1,
    });
    assert.deepEqual(
      findings.map(({ file, problem: what, effect, planned }) => [file, what, effect, planned]),
      [
        [
          'tables/numbers/t/hs-1.parquet',
          'it is missing',
          'queries that need its 7 rows are refused; others are answered',
          false,
        ],
      ],
    );
  });

  it('prints every part that it has read, and that nothing is damaged', async () => {
    gateway.calls.length = 0;
    const { code, out } = await ask('check');
    assert.equal(code, 0, out);
    assert.deepEqual(
      out.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' ')),
      [
        'KIND PART FILES BYTES UNVERIFIED DAMAGED',
        'tables default/acme 3 30 1 0',
        'log acme-0 4 40 0 0',
        'users users.sqlite 1 9 0 0',
        'catalog catalog.sqlite 1 9 0 0',
        'logs logs.sqlite 1 9 0 0',
        '',
        'nothing is damaged: 10 files, 97 bytes read; 1 have no checksum yet',
        '',
      ],
    );
    const check = gateway.calls.find(({ path }) => path === '/admin/check');
    assert.equal(check?.headers['x-deadline-ms'], undefined);
  });

  it('says what damage to a log, the users, the catalog and the collected logs means', async () => {
    const lost = { kind: 'segment', name: '7.log', reason: 'byte 40: checksum does not match' };
    const problems = [
      { ...lost, spare: true, after_lsn: 6, until_lsn: 9 },
      { ...lost, name: '10.log', spare: false, after_lsn: 9, until_lsn: 10 },
      { ...lost, name: '3.log', spare: false },
      { kind: 'ids', name: '7.ids', reason: 'checksum does not match', spare: false },
      { kind: 'head', name: 'head', reason: 'slot 1 is not what was written', spare: true },
      { kind: 'log-id', name: 'log-id', reason: 'is not the id that the segments have', spare: false },
    ];
    gateway.handlers.set('/admin/check', () =>
      ndjson({ reading: { log: 'acme-0', bytes: 20, total: 40 } }, { log: { ...log, problems } }, done),
    );
    for (const name of ['users', 'catalog', 'logs'])
      gateway.handlers.set(`/admin/check/${name}`, () => ({ ...database(`${name}.sqlite`), damage: 'page 3 is lost' }));
    const { code, out, err } = await ask('check', '--json');
    assert.equal(code, 1);
    assert.match(err, /error: 9 damaged: 7\.log, 10\.log, 3\.log, 7\.ids, head, …/);
    const { findings } = JSON.parse(out) as Report;
    assert.deepEqual(
      findings.map(({ kind, part, file, effect, planned }) => [kind, part, file, effect, planned]),
      [
        ['log', 'acme-0', '7.log', 'none for queries: the rows of LSN 7 to 9 are in their tables', false],
        [
          'log',
          'acme-0',
          '10.log',
          'the node does not start again before the rows of LSN 10 are flushed; it has them in memory',
          false,
        ],
        ['log', 'acme-0', '3.log', 'the node does not start again while the file is there', false],
        [
          'log',
          'acme-0',
          '7.ids',
          'after its next start the node refuses batches with an id until the ids of the file are over',
          false,
        ],
        [
          'log',
          'acme-0',
          'head',
          'none while the node runs: how far the log was durable is known from its other slot, or from the segments',
          false,
        ],
        ['log', 'acme-0', 'log-id', 'the node does not start again', false],
        ['users', 'users.sqlite', 'users.sqlite', 'the gateway does not start with it: nobody can log in then', false],
        [
          'catalog',
          'catalog.sqlite',
          'catalog.sqlite',
          'the catalog begins with an empty one at its next start',
          false,
        ],
        [
          'logs',
          'logs.sqlite',
          'logs.sqlite',
          'monitoring begins with an empty one at its next start: log lines of before are not shown',
          false,
        ],
      ],
    );
  });

  it('is not called whole when a node or a service could not be asked', async () => {
    const unchecked = { log: 'acme-1', code: 'unavailable', reason: 'member acme-1 did not read its log (away)' };
    gateway.handlers.set('/admin/check', () =>
      ndjson({ checked: { ...checked, problems: [] } }, { log }, { unchecked }, done),
    );
    gateway.handlers.set('/admin/check/catalog', () => ({
      code: 'conflict',
      message: 'catalog.sqlite is being checked',
    }));
    const { code, out, err } = await ask('check');
    assert.equal(code, 1);
    assert.match(out, /^note: log acme-1: not checked: member acme-1 did not read its log \(away\)$/m);
    assert.match(out, /^note: catalog: not checked: catalog\.sqlite is being checked$/m);
    assert.match(out, /^nothing of what was read is damaged: .*; 2 not checked$/m);
    assert.match(err, /^error: not checked: log acme-1, catalog /m);
    const { unchecked: named } = JSON.parse((await ask('check', '--json')).out) as { unchecked: object[] };
    assert.deepEqual(named, [
      { kind: 'log', name: 'acme-1', code: 'unavailable', reason: 'member acme-1 did not read its log (away)' },
      { kind: 'catalog', name: 'catalog', code: 'conflict', reason: 'catalog.sqlite is being checked' },
    ]);
  });

  it('is checked as far as the caller may see it, and says what was left out and why', async () => {
    const note = 'logs were not read: they hold rows of every source';
    gateway.handlers.set('/admin/check', () => ndjson({ checked: { ...checked, problems: [] } }, { note }, done));
    for (const name of ['users', 'catalog', 'logs']) gateway.handlers.set(`/admin/check/${name}`, () => refusal);
    const { code, out } = await ask('check', '--json');
    assert.equal(code, 0);
    const { parts, notes } = JSON.parse(out) as Report & { notes: string[] };
    assert.deepEqual(
      parts.map(({ kind }) => kind),
      ['tables'],
    );
    assert.deepEqual(notes, [
      note,
      'users, catalog and collected logs were not read: that is for the administrator of the platform',
    ]);
  });

  it('is not believed when its answer breaks off', async () => {
    gateway.handlers.set('/admin/check', () => ndjson({ checked: { ...checked, problems: [] } }));
    const broken = await ask('check');
    assert.deepEqual([broken.code, broken.out], [1, '']);
    assert.match(broken.err, /error: the check broke off before its end/);
    gateway.handlers.set('/admin/check', () => ndjson({ error: { code: 'storage_full', message: 'no room' } }));
    assert.match((await ask('check')).err, /error: no room/);
  });

  it('is not repaired', async () => {
    const { code, err } = await ask('repair', '--yes');
    assert.equal(code, 2);
    assert.match(err, /^error: --data-dir: expected the folder to repair, found none/);
  });
});

describe('a wrong command line', () => {
  const wrong: readonly (readonly [argv: readonly string[], error: RegExp])[] = [
    [['admin'], /^Usage: hybridstore admin/],
    [['admin', 'check', '--log', '/nowhere'], /^error: --log: expected a folder, found nothing at \/nowhere/],
    [['admin', 'check', '--users', '/tmp'], /^error: --users: expected a file, found something else at \/tmp/],
    [['admin', 'check', '--log', '/tmp'], /^error: --log: expected the log of a node, found none in \/tmp/],
    [['admin', 'check', '--tables', '/tmp'], /^error: --tables: expected the tables of a tenant, found none in \/tmp/],
    [['--data-dir', '/nowhere', 'admin', 'check'], /^error: --data-dir: expected a folder, found nothing at \/nowhere/],
    [['--data-dir', '/tmp', 'admin', 'check', '--log', '/tmp'], /^error: --data-dir: expected alone/],
  ];
  for (const [argv, error] of wrong)
    it(`is refused with exit code 2: ${argv.join(' ')}`, async () => {
      const ran = await run(...argv);
      assert.equal(ran.code, 2);
      assert.match(ran.err, error);
    });

  it('names single parts instead of a data folder', async () => {
    const ran = await run('admin', 'check', '--json', '--log', whole.log, '--users', at(whole, 'gateway/users.sqlite'));
    assert.equal(ran.code, 0, ran.err);
    const { parts } = JSON.parse(ran.out) as Report;
    assert.deepEqual(
      parts.map(({ kind }) => kind),
      ['log', 'users'],
    );
  });
});
