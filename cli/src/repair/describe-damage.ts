import type { LogInspection, LogRepair, SourceCheck, SourceProblem } from '@hybridstore/engine/integrity';
import type { Finding, Leave, Part } from './finding.ts';

/** What damage means, and what a repair does about it, in words. Pure: what was found and what may be given up go in. */

const fromCopy = 'nothing: put the file back from a copy of the volume';
const keepsAll = 'until it is whole nothing is removed from the table';

export function describeSource(part: Part, check: SourceCheck, leave: Leave): readonly Finding[] {
  return check.problems.map((problem) => ({
    part: part.name,
    kind: part.kind,
    source: check.sourceId,
    file: check.location === undefined ? problem.name : `${check.location}/${problem.name}`,
    problem: shorten(problem.reason),
    ...judgeProblem(check, problem, leave),
  }));
}

type Judgement = Pick<Finding, 'effect' | 'repair' | 'action'>;

function judgeProblem(
  { sourceId, location, isReadable }: SourceCheck,
  problem: SourceProblem,
  leave: Leave,
): Judgement {
  const { name, rows = 0 } = problem;
  if (problem.kind === 'segment' && location !== undefined) return judgeSegment({ location, name, rows }, leave);
  if (problem.kind === 'pointer' || !isReadable || location === undefined)
    return { effect: `queries of ${sourceId} and writes to it are refused; other sources go on`, repair: fromCopy };
  if (name.endsWith('.json'))
    return { effect: `queries are answered from a checkpoint; ${keepsAll}`, repair: fromCopy };
  return {
    effect: `queries are answered from the commits; ${keepsAll}`,
    repair: 'moves it to _quarantine; the commits say the same',
    action: { kind: 'set_aside_object', location, name },
  };
}

function judgeSegment(file: { location: string; name: string; rows: number }, { dropDamagedFiles }: Leave): Judgement {
  const rows = `${file.rows.toLocaleString('en')} ${file.rows === 1 ? 'row' : 'rows'}`;
  const effect = `queries that need its ${rows} are refused; others are answered`;
  if (!dropDamagedFiles)
    return { effect, repair: `nothing: put it back from a copy, or give up its ${rows} with --drop-damaged-files` };
  return {
    effect,
    repair: `moves it to _quarantine and gives up its ${rows}`,
    action: { kind: 'give_up_file', ...file },
  };
}

export function describeMember(part: Part, { name, reason }: { name: string; reason: string }): Finding {
  const effect = name.endsWith('.ledger')
    ? 'batches with an id that this member may have applied are refused'
    : 'the nodes of the tenant cannot say which rows this member has, and refuse what needs them';
  return { part: part.name, kind: part.kind, file: name, problem: shorten(reason), effect, repair: fromCopy };
}

export function describeLog(
  part: Part,
  inspection: LogInspection,
  plan: readonly LogRepair[],
): { readonly findings: readonly Finding[]; readonly notes: readonly string[] } {
  const { files, damages, torn, refusal } = inspection;
  const findings: Finding[] = [];
  const notes: string[] = [];
  for (const { name, kind, faults } of files) {
    if (faults.length === 0) continue;
    const isCommitted = damages.some(({ segment }) => segment === name);
    if (kind === 'segment' && name === torn && !isCommitted) {
      notes.push(`${name} ends in rows that nobody was promised; the next start of the node cuts them off`);
      continue;
    }
    const repair = plan.find((planned) => planned.name === name);
    findings.push({
      part: part.name,
      kind: part.kind,
      file: name,
      problem:
        faults.slice(0, faultsShown).join('; ') +
        (faults.length > faultsShown ? ` and ${faults.length - faultsShown} more` : ''),
      effect: effectOf(kind, { isCommitted, refusal, isSpare: repair !== undefined }),
      repair: repairOf(kind, { repair, isCommitted }),
      ...(repair ? { action: { kind: 'repair_log' as const, repair } } : {}),
    });
  }
  for (const { segment, afterLsn, untilLsn, broken } of damages)
    if (!findings.some(({ file }) => file === segment))
      findings.push(lostFrames(part, { segment, afterLsn, untilLsn, broken }));
  if (refusal !== undefined && !findings.some(({ effect }) => effect.startsWith(refused)))
    findings.push({
      part: part.name,
      kind: part.kind,
      file: files.find(({ name }) => refusal.includes(name))?.name ?? 'head',
      problem: shorten(refusal),
      effect: refusedEffect,
      repair: fromCopy,
    });
  return { findings, notes };
}

const faultsShown = 3;
const refused = 'the node of this log does not start';
const refusedEffect = `${refused}: rows that it acknowledged may be in no table`;

type Lost = { readonly segment: string; readonly afterLsn: number; readonly untilLsn: number; readonly broken: string };

function lostFrames(part: Part, { segment, afterLsn, untilLsn, broken }: Lost): Finding {
  return {
    part: part.name,
    kind: part.kind,
    file: segment,
    problem: `LSN ${afterLsn + 1} to ${untilLsn} are missing: ${broken}`,
    effect: 'none for queries: these rows are in their tables',
    repair: 'nothing: a node passes over them',
  };
}

type LogState = { readonly isCommitted: boolean; readonly refusal: string | undefined; readonly isSpare: boolean };

function effectOf(kind: string, { isCommitted, refusal, isSpare }: LogState): string {
  if (kind === 'segment')
    return isCommitted || refusal === undefined
      ? 'none for queries: the rows that are lost are in their tables'
      : refusedEffect;
  if (kind === 'ids')
    return isSpare
      ? 'none: its segment has the ids'
      : 'batches with an id are refused until the ids of the file are over';
  if (kind === 'log-id') return refused;
  return 'how far the log was durable is known from its other slot, or from the segments alone';
}

function repairOf(
  kind: string,
  { repair, isCommitted }: { repair: LogRepair | undefined; isCommitted: boolean },
): string {
  if (!repair) return isCommitted ? 'nothing: a node passes over it, and removes it in its time' : fromCopy;
  if (repair.step === 'rewrite_head') return 'copies it to damaged/ and writes what the rest of the log proves';
  return kind === 'log-id'
    ? 'moves it to damaged/; the next start makes it again from the segments'
    : 'moves it to damaged/; nothing needs it';
}

export function describeDatabase(part: Part, file: string, damage: string, { resetUsers }: Leave): Finding {
  const about = { part: part.name, kind: part.kind, file, problem: damage };
  const action = { kind: 'set_aside_database' } as const;
  if (part.kind === 'catalog')
    return {
      ...about,
      effect: 'the catalog begins with an empty one at its next start',
      repair: 'sets it aside as .unusable; the operator and the nodes fill the new one again',
      action,
    };
  if (part.kind === 'logs')
    return {
      ...about,
      effect: 'monitoring begins with an empty one at its next start: log lines of before are not shown',
      repair: 'sets it aside as .unusable',
      action,
    };
  const effect = 'the gateway does not start with it: nobody can log in then';
  if (!resetUsers)
    return {
      ...about,
      effect,
      repair:
        'nothing: put the file back from a copy; without one, --reset-users begins without any user, grant and API key',
    };
  return { ...about, effect, repair: 'sets it aside as .unusable: ALL USERS, GRANTS AND API KEYS ARE GONE', action };
}

const problemCharactersMax = 300;

/** Reasons repeat the name of the file, and may quote what stands in it. */
function shorten(reason: string): string {
  const text = reason.replace(/^source \S+: file \S+ is damaged: /, '').replace(/^table log \S+?,? (?=line|is)/, '');
  return text.length > problemCharactersMax ? `${text.slice(0, problemCharactersMax)}…` : text;
}
