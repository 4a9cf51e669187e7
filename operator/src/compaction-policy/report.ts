import { type Ending, writeReport } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { isKnownReady, noticeReady } from '../ready.ts';
import { compactionPolicies } from '../resources/custom-resources.ts';
import { coversNothing, findObstacle } from './decide.ts';
import type { Declared, PolicyStart } from './pass.ts';
import { buildPolicyStatus, judgePolicy, type PolicyVerdict } from './status.ts';

type PolicySoFar = PolicyStart & Partial<Declared>;

/** The one place that writes the status of a CompactionPolicy, however its pass came out. */
export async function reportPolicy(pass: PolicySoFar, ending: Ending<Declared>): Promise<void> {
  const { object, clock } = pass;
  const verdict = judgeEnding(pass, ending);
  if (object === undefined || verdict === undefined) return;
  const context = { generation: object.metadata.generation ?? 0, nowMs: clock.now() };
  await writeReport(pass, compactionPolicies, object, {
    status: buildPolicyStatus(object.status, verdict, context),
    isRefusal: verdict.kind === 'refused',
    events: () => noticeReady(judgePolicy(verdict), object, 'Activated'),
  });
}

/** Undefined where there is nothing to say: it is leaving, or its caches are behind. */
function judgeEnding(pass: PolicySoFar, ending: Ending<Declared>): PolicyVerdict | undefined {
  switch (ending.kind) {
    case 'complete':
      return judgeState(ending.known);
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

function judgeState({ spec, world, state }: Declared): PolicyVerdict {
  if (coversNothing(world)) return { kind: 'uncovered', state };
  if (!spec.enabled) return { kind: 'disabled', state };
  return { kind: 'active', state, sources: world.sourceIds?.length ?? world.declared };
}

function judgeObstacle({ world, tenant }: PolicySoFar): PolicyVerdict | undefined {
  if (world === undefined || tenant === undefined) return undefined;
  const obstacle = findObstacle(world, tenant.name);
  return obstacle === undefined ? undefined : { kind: 'waiting', ...obstacle };
}

/** A refusal is for people; a catalog that is away keeps the figures and the last verdict of a known policy. */
function judgeFailure({ object, definition }: PolicySoFar, error: unknown): PolicyVerdict | undefined {
  // Before there was something to declare, the catalog was not asked: the failure is Kubernetes' and passes by itself.
  if (definition === undefined || !isHybridStoreError(error)) return undefined;
  const { code, message } = error;
  if (code === 'invalid_request') return { kind: 'refused', reason: 'Refused', message };
  return isKnownReady(object) ? undefined : { kind: 'waiting', reason: 'CatalogUnavailable', message };
}
