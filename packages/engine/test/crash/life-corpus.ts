import { isErrno, isHybridStoreError } from '@hybridstore/runtime';
import {
  codesOf,
  countDamage,
  type DamageCount,
  FakeClock,
  MemoryDisk,
  type Strike,
  type StruckOperation,
} from '@hybridstore/test-kit';
import type { Engine } from '../../src/ports.ts';
import type { SegmentWriter } from '../../src/segment/segment-writer.ts';
import {
  type Answers,
  appendBatch,
  batches,
  idsOfBatch,
  live,
  type NodeProcess,
  openProcess,
  readRows,
  table,
} from './life.ts';

/**
 * Strikes each operation of a node's life, in each way, and looks afterwards on a healthy disk: every acknowledged row is
 * there once, no batch in part, no id is applied twice, and every error on the way had a name.
 *
 * A case is written `<index> <how> <code> <end>`, so that one can be repeated alone:
 *
 *     17 once EIO        operation 17 is refused          17 lost EIO      … is done, its answer lost
 *     17 short ENOSPC    half of the write is done        17 onwards EIO   it and all that follow are refused
 *     17 kill            the process ends                 17 cut 0.5       power off; half of the unsynced writes are kept
 *
 * After a failure `kill` or `cut` says how that life ends: the process alone, or the machine.
 */
export type LifeCorpus = {
  readonly checkpointWriter: SegmentWriter;
  /** Every `every`-th operation, from the `from`-th on. */
  readonly every: number;
  readonly from: number;
  /** Of these cases only. */
  readonly only?: string | undefined;
};

export type LifeReport = {
  readonly counts: readonly DamageCount[];
  readonly wrong: readonly string[];
  readonly operations: number;
};

const shares = [0, 0.5, Number.POSITIVE_INFINITY];
const struckByFullDisk: ReadonlySet<string> = new Set(['open', 'write', 'datasync', 'link', 'createFolder']);
const changes: ReadonlySet<string> = new Set([
  'write',
  'truncate',
  'link',
  'rename',
  'remove',
  'syncFolder',
  'datasync',
]);
const reads: ReadonlySet<string> = new Set(['readFile', 'readRange', 'list', 'stat']);

export async function runLifeCorpus(corpus: LifeCorpus): Promise<LifeReport> {
  const operations = await countOperations(corpus.checkpointWriter);
  const counts = new Map<string, DamageCount>();
  const wrong: string[] = [];
  for (const name of casesOf(operations, corpus)) {
    const [index = '', how = '', code = '', end = how] = name.split(' ');
    const problem = await judge({ index: Number(index), how, code, end }, corpus.checkpointWriter);
    const { path = '' } = operations[Number(index)] ?? {};
    countDamage(counts, { file: kindOfFile(path), damage: damageOf(how) }, problem ? 'wrong' : 'right');
    if (problem) wrong.push(`${name} (${operations[Number(index)]?.operation} ${path}): ${problem}`);
  }
  return { counts: [...counts.values()], wrong, operations: operations.length };
}

type Operation = { readonly operation: StruckOperation; readonly path: string };

async function countOperations(checkpointWriter: SegmentWriter): Promise<readonly Operation[]> {
  const clock = new FakeClock();
  const operations: Operation[] = [];
  const answers = noAnswers();
  const node = openProcess(new MemoryDisk(() => clock.now()), clock, checkpointWriter, (_, operation, path) => {
    operations.push({ operation, path });
    return undefined;
  });
  await live(node, answers);
  if (answers.errors.length > 0 || answers.acknowledged.size !== batches)
    throw new Error(`a life that nothing strikes has errors: ${answers.errors.map(String).join('; ')}`);
  return operations;
}

function* casesOf(operations: readonly Operation[], { every, from, only }: LifeCorpus): Generator<string> {
  if (only !== undefined) {
    yield only;
    return;
  }
  for (let index = from; index < operations.length; index += every) {
    const { operation } = operations[index]!;
    for (const code of codesOf(operation)) yield `${index} once ${code} kill`;
    if (changes.has(operation)) yield* [`${index} once EIO cut`, `${index} lost EIO kill`, `${index} lost EIO cut`];
    if (operation === 'write') yield `${index} short ENOSPC cut`;
    yield `${index} onwards EIO cut`;
    if (struckByFullDisk.has(operation)) yield `${index} onwards ENOSPC kill`;
    if (reads.has(operation)) continue;
    yield `${index} kill`;
    for (const share of shares) yield `${index} cut ${share}`;
  }
}

function noAnswers(): Answers {
  return { isCreated: false, acknowledged: new Set(), errors: [] };
}

type Case = { readonly index: number; readonly how: string; readonly code: string; readonly end: string };

/** What is wrong; undefined when all is right. */
async function judge(strike: Case, checkpointWriter: SegmentWriter): Promise<string | undefined> {
  const clock = new FakeClock();
  let nowMs = () => clock.now();
  const disk = new MemoryDisk(() => nowMs());
  const answers = noAnswers();
  const node = openProcess(disk, clock, checkpointWriter, (index, operation) => strikeOf(strike, index, operation));
  await live(node, answers);
  node.disk.end();
  if (strike.end === 'kill') disk.kill();
  else disk.crash((writes) => (strike.how === 'cut' ? writes * Number(strike.code) : 0));
  const unnamed = answers.errors.find((error) => !isNamed(error, strike));
  if (unnamed) return `an error without a name: ${unnamed instanceof Error ? unnamed.stack : String(unnamed)}`;
  const later = new FakeClock();
  await later.advance(clock.now() - later.now());
  nowMs = () => later.now();
  return findLoss(openProcess(disk, later, checkpointWriter), answers);
}

function strikeOf({ index, how, code }: Case, at: number, operation: StruckOperation): Strike | undefined {
  if (how === 'onwards' && at > index)
    return code === 'EIO' || struckByFullDisk.has(operation) ? { kind: 'refused', code } : undefined;
  if (at !== index) return undefined;
  if (how === 'kill' || how === 'cut') return { kind: 'end' };
  if (how === 'lost' || how === 'short') return { kind: how, code };
  return { kind: 'refused', code };
}

/** Errors of the system under the code that was given, those with a code of ours, and calls that a process had open as it ended. */
function isNamed(error: unknown, { how, code }: Case): boolean {
  if (isHybridStoreError(error)) return !error.message.includes('/log') && !error.message.includes('/data');
  if (isErrno(error, code)) return true;
  return (how === 'kill' || how === 'cut') && error instanceof Error && error.message === 'the process has ended';
}

async function findLoss(node: NodeProcess, answers: Answers): Promise<string | undefined> {
  let step = 'start';
  try {
    const engine = await node.open();
    step = 'first look';
    const problem = await findProblem(node, engine, answers, () => (step = 'second look'));
    step = 'close';
    await node.finish(engine.close());
    return problem;
  } catch (error) {
    return `${step} on a healthy disk: ${error instanceof Error ? error.stack : String(error)}`;
  }
}

async function findProblem(
  node: NodeProcess,
  engine: Engine,
  answers: Answers,
  again: () => void,
): Promise<string | undefined> {
  const { states, damaged } = await node.finish(engine.sources());
  if (damaged.length > 0) return 'the source is damaged';
  if (answers.isCreated && states.length === 0) return 'the source is gone';
  if (states.length > 0) {
    const problem = compare(await node.finish(readRows(node, engine)), answers.acknowledged);
    if (problem) return `after the restart: ${problem}`;
  }
  again();
  await node.finish(engine.putSource(table));
  for (let batch = 0; batch < batches; batch += 1) {
    const { duplicate } = await node.finish(appendBatch(engine, batch));
    if (answers.acknowledged.has(batch) && !duplicate) return `batch ${batch} was acknowledged and is taken again`;
  }
  await node.finish(engine.flush('t'));
  const all = new Set(Array.from({ length: batches }, (_, batch) => batch));
  const problem = compare(await node.finish(readRows(node, engine)), all);
  if (problem) return `after every batch was sent again: ${problem}`;
  const check = await node.finish(engine.check('t'));
  return check.problems.length > 0 ? `damage: ${JSON.stringify(check.problems)}` : undefined;
}

function compare(rows: readonly number[], required: ReadonlySet<number>): string | undefined {
  const found = new Set(rows);
  if (found.size !== rows.length) return `${rows.length - found.size} rows are there twice`;
  for (let batch = 0; batch < batches; batch += 1) {
    const present = idsOfBatch(batch).filter((id) => found.delete(id)).length;
    if (present !== 0 && present !== idsOfBatch(batch).length) return `batch ${batch} is there in part`;
    if (present === 0 && required.has(batch)) return `batch ${batch} is lost`;
  }
  return found.size > 0 ? `rows that nobody wrote: ${[...found].join(', ')}` : undefined;
}

function kindOfFile(path: string): string {
  if (path.startsWith('/log')) return 'log';
  if (path.includes('_delta_log')) return 'table log';
  if (path.endsWith('.parquet')) return 'segment';
  return 'other of the data volume';
}

function damageOf(how: string): DamageCount['damage'] {
  if (how === 'kill') return 'kill';
  return how === 'cut' ? 'power cut' : 'I/O error';
}
