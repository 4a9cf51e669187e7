import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { countDamage, type DamageCount, parseDamage } from '@hybridstore/test-kit';
import { findTests } from './find-tests.ts';
import { readScriptArguments } from './script-arguments.ts';

/**
 * `npm run test:crash`: kills, power cuts, flips, truncations, I/O errors and full volumes over every kind of file, far more
 * of them than `npm test` takes, counted. A wrong answer, a test that fails, or a corpus that reports nothing fails it.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const corpora = [
  'packages/engine/test/crash',
  'packages/engine/test/damage',
  'packages/engine/test/wal/damage.test.ts',
  'packages/embedded-kubernetes/test/damaged-journal.test.ts',
  'packages/runtime/test/checked-database.test.ts',
  'services/auth-gateway/test/damaged-users.test.ts',
  'services/metadata-catalog/test/store.test.ts',
  'services/tenant-node/test/membership/damaged-objects.test.ts',
  'services/tenant-node/test/node/kill.test.ts',
  'tests/crash',
];
const lifeCorpus = 'packages/engine/test/crash/life.test.ts';
const concurrency = 2;
const fileMsMax = 1_800_000;

const { values, rest } = readScriptArguments(
  {
    call: 'npm run test:crash --',
    does: 'Kills processes and damages files of every kind, and counts what is right, refused and wrong.',
    options: {
      budget: { type: 'string', value: 'N', does: 'N times as many flips and kills (default: 1)' },
      seed: { type: 'string', value: 'N', does: 'the damage of another run; each prints its own' },
      case: { type: 'string', value: 'TEXT', does: "one case of the disk operations, like '714 once ENOSPC kill'" },
    },
    rest: { name: 'PLACES', does: 'some of the corpora only (default: all; tests/crash needs root)' },
  },
  process.argv.slice(2),
);
const budget = wholeNumber('--budget', values.budget, 1);
const seed = wholeNumber('--seed', values.seed, 20_261_129);
const asked = rest.length > 0 ? rest : corpora;
const { files, missing } = findTests(root, values.case === undefined ? asked : [lifeCorpus]);
if (missing.length > 0) fail(`expected corpora, found none in ${missing.join(', ')}`);
if (files.some((file) => file.startsWith('tests/crash')) && process.getuid?.() !== 0)
  fail('tests/crash mounts small volumes, so it needs root; without: npm run test:crash -- packages services');

process.env['NODE_COMPILE_CACHE'] = `${root}/node_modules/.cache/node`;
process.env['HYBRIDSTORE_CRASH_BUDGET'] = String(budget);
process.env['HYBRIDSTORE_CRASH_SEED'] = String(seed);
if (values.case !== undefined) process.env['HYBRIDSTORE_CRASH_CASE'] = values.case;
process.stdout.write(`seed ${seed}, budget ${budget}\n`);

const counts = new Map<string, DamageCount>();
run({ files: [...files], cwd: root, concurrency, timeout: fileMsMax })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .on('test:diagnostic', ({ message }) => {
    const count = parseDamage(message);
    if (!count) return;
    for (const outcome of ['right', 'refused', 'wrong'] as const) countDamage(counts, count, outcome, count[outcome]);
  })
  .compose(spec)
  .on('end', () => process.stdout.write(conclude([...counts.values()])))
  .pipe(process.stdout, { end: false });

/** The table, and the code of the process with it. */
function conclude(all: readonly DamageCount[]): string {
  if (all.length === 0 || all.some(({ wrong }) => wrong > 0)) process.exitCode = 1;
  const rows = all
    .toSorted((one, other) => (`${one.file}\n${one.damage}` < `${other.file}\n${other.damage}` ? -1 : 1))
    .map(({ file, damage, right, refused, wrong }) => [file, damage, right + refused + wrong, right, refused, wrong]);
  const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0);
  const table = [
    ['file', 'damage', 'tried', 'right', 'refused by name', 'wrong'],
    ...rows,
    ['all', '', sum(2), sum(3), sum(4), sum(5)],
  ];
  const lines = table.map(([file, damage, ...numbers]) =>
    [String(file).padEnd(26), String(damage).padEnd(12), ...numbers.map((number) => String(number).padStart(16))].join(
      '',
    ),
  );
  return `\n${lines.join('\n')}\n`;
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  return fail(`${name}: expected a whole number from 1 on, found ${text}`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
