import {
  configMaps,
  extractAppliedAt,
  formatTime,
  isAppliedAt,
  type PodTemplateSpec,
  proceed,
  type StatefulSet,
  type StepResult,
  type Stored,
} from '@hybridstore/controller-runtime';
import type { HeldTemplate } from '../resources/held-template.ts';
import { settingsKey, tenantIdOf } from '../resources/names.ts';
import { renderSettings } from '../resources/settings-file.ts';
import { readFixedFields } from '../resources/stateful-set.ts';
import { readTemplateRecord, renderTemplateRecord } from '../resources/template-record.ts';
import { holdsPlace, needsPlace, type WantedTemplate } from './decide-rollout.ts';
import type { HandingOver, Loaded, Turned } from './pass.ts';

/** The caches show what the pass before wrote; what this one takes, it takes anew. */
export function settlePlace({ places, key }: Pick<Loaded, 'places' | 'key'>): StepResult {
  places.settle(key);
  return proceed();
}

/** The template of today, or that of before while others roll: see decide-rollout.ts. */
export async function takeTurn(pass: HandingOver): Promise<StepResult<Pick<Turned, 'setOptions' | 'waitsFor'>>> {
  const { world, places, key, clock, object, onQueued } = pass;
  const living = world.statefulSet;
  const fixed = readFixedFields(living);
  const { template: today, digests } = pass.desired.template(pass, object.metadata.uid, fixed);
  const inputs = { generation: object.metadata.generation ?? 0, digest: digests.inputs };
  const wanted: WantedTemplate = { digest: digests.template, inputs };
  const isInTurn = needsPlace(living, wanted) && !stands(pass, today);
  const waitsFor = isInTurn ? await places.take(key) : [];
  onQueued?.(tenantIdOf(key), waitsFor.length > 0);
  if (living !== undefined && waitsFor.length > 0) {
    const { template } = readTemplateRecord(living);
    const annotations = renderTemplateRecord({ template, inputs, rollsSince: undefined });
    return proceed({ waitsFor, setOptions: { fixed, annotations, held: await readHeld(pass, living) } });
  }
  const since = living !== undefined && holdsPlace(living) ? readTemplateRecord(living).rollsSince : undefined;
  const rollsSince = isInTurn ? formatTime(clock.now()) : since;
  const annotations = renderTemplateRecord({ template: wanted.digest, inputs, rollsSince });
  return proceed({ waitsFor, setOptions: { fixed, annotations } });
}

const templatePath = ['spec', 'template'];

/** Whether the set has the template already, whatever its annotations say: an operator before these wrote none. */
function stands({ kube, world }: HandingOver, template: PodTemplateSpec): boolean {
  const living = world.statefulSet;
  return living !== undefined && isAppliedAt(templatePath, template, living, { manager: kube.fieldManager });
}

/** As the operator applied it, so that it applies the same again: what others added stays theirs. */
async function readHeld(pass: HandingOver, living: Stored<StatefulSet>): Promise<HeldTemplate> {
  const { kube, view, key, tenant, settings } = pass;
  const applied = extractAppliedAt(templatePath, living, { manager: kube.fieldManager });
  const configMap = await view.get(configMaps, { namespace: key.namespace, name: tenant.names.base });
  const today = settings.config['tenant-node'];
  const lost = today === undefined ? undefined : renderSettings(today);
  return {
    // A set that lives has one; after a restore nobody may be noted as its applier.
    template: (applied ?? living.spec?.template) as PodTemplateSpec,
    settingsText: configMap === undefined ? lost : configMap.data?.[settingsKey('tenant-node')],
  };
}
