import { createInterface } from 'node:readline';
import { type CheckLine, type SourceChecked, tenantNode } from '@hybridstore/contracts';
import { HybridStoreError, isErrorCode } from '@hybridstore/runtime';
import type { Connection } from '../connection.ts';
import type { Io } from '../io.ts';
import { startProgress } from '../output/progress.ts';
import { describeSource } from '../repair/describe-damage.ts';
import type { Part, PartReport } from '../repair/finding.ts';

type Line = CheckLine | { readonly error: { readonly code: string; readonly message: string } };

/** Asks a node of the tenant to read all its tables. What is not said at the end of the answer is not known. */
export async function checkPlatform(connection: Connection, io: Io): Promise<PartReport> {
  const { body } = await connection.stream(tenantNode.checkSources);
  const stats = await connection.call(tenantNode.tenantStats);
  const progress = startProgress('checking', stats.bytes, io.stderr, 'files');
  const checked: SourceChecked[] = [];
  let isDone = false;
  let [bytes, files] = [0, 0];
  try {
    for await (const text of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
      const line = JSON.parse(text) as Line; // as the contract says
      if ('error' in line) throw failureOf(line.error);
      if ('done' in line) isDone = true;
      if ('checked' in line) {
        checked.push(line.checked);
        bytes += line.checked.bytes;
        files += line.checked.objects;
      }
      progress.update(bytes + ('progress' in line ? line.progress.bytes : 0), files);
    }
  } finally {
    progress.end();
    body.destroy();
  }
  if (!isDone) throw new HybridStoreError('unavailable', 'the check broke off before its end');
  const part: Part = { kind: 'tables', path: '', name: stats.tenant_id };
  return {
    part,
    files,
    bytes,
    withoutChecksum: checked.reduce((sum, one) => sum + one.files_without_checksum, 0),
    findings: checked.flatMap((one) => describeSource(part, toSourceCheck(one), whileRunning)).map(withoutAction),
    notes: [],
  };
}

const whileRunning = { dropDamagedFiles: false, resetUsers: false };

/** A node that runs repairs nothing: what a repair would do is for when it is down. */
function withoutAction({ action: _none, ...finding }: PartReport['findings'][number]): PartReport['findings'][number] {
  return finding;
}

function toSourceCheck(checked: SourceChecked): Parameters<typeof describeSource>[1] {
  return {
    sourceId: checked.source_id,
    location: checked.location,
    isReadable: checked.readable,
    objects: checked.objects,
    bytes: checked.bytes,
    filesWithoutChecksum: checked.files_without_checksum,
    problems: checked.problems.map(({ rows, ...problem }) => ({ ...problem, ...(rows === undefined ? {} : { rows }) })),
  };
}

function failureOf({ code, message }: { readonly code: string; readonly message: string }): HybridStoreError {
  return new HybridStoreError(isErrorCode(code) ? code : 'internal', message);
}
