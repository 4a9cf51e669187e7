import { type Ending, writeReport } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { isKnownReady, noticeReady } from '../ready.ts';
import { dataSources } from '../resources/custom-resources.ts';
import { findObstacle } from './decide.ts';
import type { Declared, SourceStart } from './pass.ts';
import { buildSourceStatus, judgeSource, type SourceVerdict } from './status.ts';

type SourceSoFar = SourceStart & Partial<Declared>;

/** The one place that writes the status of a DataSource, however its pass came out. */
export async function reportSource(pass: SourceSoFar, ending: Ending<Declared>): Promise<void> {
  const { object, clock } = pass;
  const verdict = judgeEnding(pass, ending);
  if (object === undefined || verdict === undefined) return;
  const facts = ending.kind === 'complete' ? ending.known.facts : undefined;
  const context = { generation: object.metadata.generation ?? 0, nowMs: clock.now() };
  await writeReport(pass, dataSources, object, {
    status: buildSourceStatus(object.status, verdict, facts, context),
    isRefusal: verdict.kind === 'refused',
    events: () => noticeReady(judgeSource(verdict), object, 'Registered'),
  });
}

/** Undefined where there is nothing to say: it is leaving, or its caches are behind. */
function judgeEnding(pass: SourceSoFar, ending: Ending<Declared>): SourceVerdict | undefined {
  switch (ending.kind) {
    case 'complete':
      return {
        kind: 'registered',
        damaged: ending.known.facts.stats?.damaged ?? [],
        flushFailing: ending.known.facts.stats?.flush_failing,
        partitions: ending.known.facts.stats?.partitions,
      };
    case 'refused':
      return ending;
    case 'failed':
      return judgeFailure(pass, ending.error);
    case 'wait':
      return judgeObstacle(pass);
    default:
      return undefined;
  }
}

function judgeObstacle({ world, tenant }: SourceSoFar): SourceVerdict | undefined {
  if (world === undefined || tenant === undefined) return undefined;
  const obstacle = findObstacle(world, tenant.name);
  if (obstacle === undefined) return undefined;
  return { kind: obstacle.reason === 'DuplicateSource' ? 'refused' : 'waiting', ...obstacle };
}

/** A refusal is for people; a node or catalog that is away keeps the figures and the last verdict of a known source. */
function judgeFailure({ object, definition }: SourceSoFar, error: unknown): SourceVerdict | undefined {
  // Before there was something to declare, no service was asked: the failure is Kubernetes' and passes by itself.
  if (definition === undefined || !isHybridStoreError(error)) return undefined;
  const { code, message } = error;
  if (code === 'invalid_request' || code === 'conflict') return { kind: 'refused', reason: 'Refused', message };
  if (code === 'corrupt') return { kind: 'refused', reason: 'Corrupt', message };
  return isKnownReady(object) ? undefined : { kind: 'waiting', reason: 'ServicesUnavailable', message };
}
