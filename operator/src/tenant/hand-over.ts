import type { DrainStatus, LeavingNode } from '@hybridstore/contracts';
import { formatTime } from '@hybridstore/controller-runtime';
import type { Clock, Logger } from '@hybridstore/runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { NodePort } from '../ports.ts';
import { ordinalOf, type TenantKey, tenantNames } from '../resources/names.ts';
import { decideHandOver, type HandOver, isStalled, type NodeReport } from '../scaling/decide-hand-over.ts';

export type HandOverPass = {
  readonly decision: HandOver;
  /** What the status should say about leaving nodes after this pass. */
  readonly leaving: readonly LeavingNode[];
  readonly stalled: readonly LeavingNode[];
};

export type HandOverRequest = {
  readonly key: TenantKey;
  readonly size: number;
  readonly wanted: number;
  readonly marked: readonly LeavingNode[];
  readonly mayGo: ReadonlySet<number>;
  /** Ordinals whose pod still exists. */
  readonly present: ReadonlySet<number>;
};

/** Carries one step of a hand-over out: asks marked nodes that still have to leave to drain, and the others to stay. */
export async function passHandOver(
  request: HandOverRequest,
  options: { readonly nodes: NodePort; readonly clock: Clock; readonly logger: Logger },
): Promise<HandOverPass> {
  const { key, size, wanted, mayGo } = request;
  const marks = new Map(request.marked.flatMap((mark) => entryOf(key, mark)));
  const base = { size, wanted, mayGo, marked: new Set(marks.keys()) };
  const toAsk = decideHandOver({ ...base, reports: new Map() }).drain;
  const reports = await askNodes(options.nodes, key, toAsk);
  const decision = decideHandOver({ ...base, reports });
  const answers = await askToStay(options, key, decision.cancel);
  // A drained node keeps its mark until its pod is gone: should it be wanted again before, it must be asked to stay.
  const isThere = (ordinal: number) => ordinal < decision.size || request.present.has(ordinal);
  const open = [...marks]
    .filter(([ordinal]) => isThere(ordinal) && answers.get(ordinal) !== 'stays')
    .map(([ordinal, mark]) => [ordinal, describeMark(mark, reports.get(ordinal) ?? holdOf(answers, ordinal))] as const);
  const nowMs = options.clock.now();
  const begun = decision.mark.map((ordinal) => beginMark(key, ordinal, nowMs));
  const stalled = open.filter(
    ([ordinal, mark]) =>
      (decision.drain.includes(ordinal) || answers.has(ordinal)) && hasStalled(mark, reports.get(ordinal), nowMs),
  );
  return { decision, leaving: [...open.map(toMark), ...begun], stalled: stalled.map(toMark) };
}

function toMark([, mark]: readonly [number, LeavingNode]): LeavingNode {
  return mark;
}

function beginMark(key: TenantKey, ordinal: number, nowMs: number): LeavingNode {
  return { pod: tenantNames(key.name).pod(ordinal), state: 'Draining', since: formatTime(nowMs) };
}

function hasStalled(mark: LeavingNode, report: NodeReport | undefined, nowMs: number): boolean {
  return isStalled(nowMs - Date.parse(mark.since), report);
}

function entryOf(key: TenantKey, mark: LeavingNode): readonly (readonly [number, LeavingNode])[] {
  const ordinal = ordinalOf(key.name, mark.pod);
  return ordinal === undefined ? [] : [[ordinal, mark]];
}

async function askNodes(
  nodes: NodePort,
  key: TenantKey,
  ordinals: readonly number[],
): Promise<ReadonlyMap<number, NodeReport>> {
  const reports = new Map<number, NodeReport>();
  for (const ordinal of ordinals) reports.set(ordinal, await askNode(nodes, key, ordinal));
  return reports;
}

/** A node that refuses or cannot be reached is a report, too: the next pass asks again. */
async function askNode(nodes: NodePort, key: TenantKey, ordinal: number): Promise<NodeReport> {
  try {
    const status = await nodes.drain(key, tenantNames(key.name).pod(ordinal), { cancel: false });
    if (status.state === 'drained' && status.unflushed_rows === 0) return { kind: 'drained' };
    return toReport(status);
  } catch (error) {
    return { kind: 'unreachable', message: error instanceof Error ? error.message : String(error) };
  }
}

function toReport({ unflushed_rows: unflushedRows, error }: DrainStatus): NodeReport {
  return { kind: 'draining', unflushedRows, ...(error === undefined ? {} : { error }) };
}

type StayAnswers = ReadonlyMap<number, 'stays' | NodeReport>;

/** Those that do not confirm keep their mark and are asked again. A node that is no more has nothing to confirm. */
async function askToStay(
  { nodes, logger }: { readonly nodes: NodePort; readonly logger: Logger },
  key: TenantKey,
  ordinals: readonly number[],
): Promise<StayAnswers> {
  const answers = new Map<number, 'stays' | NodeReport>();
  for (const ordinal of ordinals) {
    const pod = tenantNames(key.name).pod(ordinal);
    try {
      const status = await nodes.drain(key, pod, { cancel: true });
      answers.set(ordinal, status.state === 'active' ? 'stays' : toReport(status));
    } catch (error) {
      if (!isHybridStoreError(error)) throw error;
      logger.warn('drain_not_cancelled', { tenant: `${key.namespace}/${key.name}`, pod, error });
      answers.set(ordinal, { kind: 'unreachable', message: error.message });
    }
  }
  return answers;
}

/** What keeps a node from staying, as it or its silence says. */
function holdOf(answers: StayAnswers, ordinal: number): NodeReport | undefined {
  const answer = answers.get(ordinal);
  return answer === 'stays' ? undefined : answer;
}

const noteCharactersMax = 512;

/** Rows are shown only while they block for long: a status that counts down is written at each poll. */
function describeMark(mark: LeavingNode, report: NodeReport | undefined): LeavingNode {
  const { pod, since } = mark;
  switch (report?.kind) {
    case 'drained':
      return { pod, since, state: 'Drained' };
    case 'unreachable':
      return { pod, since, state: 'Draining', message: report.message.slice(0, noteCharactersMax) };
    case 'draining':
      if (report.error === undefined) return { pod, since, state: 'Draining' };
      return {
        pod,
        since,
        state: 'Draining',
        unflushedRows: report.unflushedRows,
        message: report.error.slice(0, noteCharactersMax),
      };
    default:
      return { pod, since, state: mark.state };
  }
}
