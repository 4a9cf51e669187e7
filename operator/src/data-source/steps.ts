import { DataSourceStatus } from '@hybridstore/contracts';
import {
  createStatusReader,
  done,
  hasFinalizer,
  proceed,
  recordEvent,
  removeFinalizer,
  requeueAfter,
  type StepResult,
  wait,
} from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import { type DataSource, dataSources } from '../resources/custom-resources.ts';
import { finalizer } from '../resources/finalizer.ts';
import { tenantNameOf } from '../resources/labels.ts';
import { findObstacle, mustDeclare } from './decide.ts';
import { buildDefinition } from './desired-state.ts';
import { finalizeSource } from './finalizer.ts';
import { observeSource, readFacts } from './observe.ts';
import type { Built, Declared, Loaded, Observed, SourceStart, Valid } from './pass.ts';

const readStatus = createStatusReader<DataSource>(compileValidator(DataSourceStatus).check);

export async function loadSource({ view, key }: SourceStart): Promise<StepResult<Pick<Loaded, 'object' | 'tenant'>>> {
  const stored = await view.get(dataSources, key);
  if (stored === undefined) return done();
  const tenant = { namespace: stored.metadata.namespace ?? '', name: tenantNameOf(stored) ?? '' };
  return proceed({ object: readStatus(stored), tenant });
}

export async function observe({ view, object, tenant }: Loaded): Promise<StepResult<Pick<Observed, 'world'>>> {
  return proceed({ world: await observeSource(view, object, tenant) });
}

/** A DataSource that is deleted goes; any other goes on. */
export async function finalizeIfDeleted(pass: Observed): Promise<StepResult> {
  const { kube, logger, object, tenant, world } = pass;
  if (object.metadata.deletionTimestamp === undefined) return proceed();
  if (!hasFinalizer(object, finalizer)) return done();
  const { reason, note } = await finalizeSource(object, tenant, world, pass);
  await recordEvent(pass, dataSources, object, { type: 'Normal', reason, action: 'Deleted', note });
  logger.info('source_finalized', { source: object.spec?.sourceId, tenant: tenant.name, reason, note });
  await removeFinalizer(kube, dataSources, object, finalizer);
  return done();
}

/** While something is in the way that no watch may show. */
const obstacleMs = 5_000;

export function waitForObstacle({ world, tenant }: Observed): StepResult {
  const obstacle = findObstacle(world, tenant.name);
  return obstacle === undefined ? proceed() : wait(obstacle.reason, obstacleMs);
}

export function build({ spec }: Valid): StepResult<Pick<Built, 'definition'>> {
  return proceed({ definition: buildDefinition(spec) });
}

/** The nodes create or widen the table, then the catalog lists it; where both know it, nothing is sent. */
export async function declare(pass: Built): Promise<StepResult<Pick<Declared, 'facts'>>> {
  const { nodes, catalog, tenant, definition, declarations } = pass;
  const { uid, generation = 0 } = pass.object.metadata;
  const facts = await readFacts(nodes, catalog, tenant, definition.source_id);
  if (!mustDeclare(facts, declarations.taken(uid), generation)) return proceed({ facts });
  await nodes.putSource(tenant, definition);
  await catalog.putSource(tenant, definition);
  declarations.noteTaken(uid, generation);
  return proceed({ facts: await readFacts(nodes, catalog, tenant, definition.source_id) });
}

/** How often the figures of a source are read. */
const resyncMs = 30_000;

export function comeBack(): StepResult {
  return requeueAfter(resyncMs);
}
