import { reservedNodeVariables, TenantSpec } from '@hybridstore/contracts';
import { type Parsed, parseOnce } from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import type { Tenant } from '../resources/custom-resources.ts';
import { findResourceProblem, findSpillProblem } from '../resources/node-resources.ts';
import { findAccountProblem, findTemplateProblem, findVolumeMetadataProblem } from '../resources/pod-template.ts';

const validator = compileValidator(TenantSpec);
const nodeVariables: ReadonlySet<string> = new Set(reservedNodeVariables);
const namePattern = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;

/**
 * The rules of the definition once more, for objects that were stored under an older definition, or past it: nothing is
 * made from what nobody has checked.
 */
export const parseTenant = parseOnce(readTenant);

function readTenant(tenant: Tenant): Parsed<TenantSpec> {
  const { spec } = tenant;
  if (!namePattern.test(tenant.metadata.name ?? ''))
    return invalid('metadata.name: expected a DNS label of at most 40 characters');
  if (!validator.check<TenantSpec>(spec)) return invalid(`spec.${validator.describe()}`);
  const { autoscaling } = spec;
  if (autoscaling.minReplicas > autoscaling.maxReplicas)
    return invalid('spec.autoscaling: minReplicas must not be greater than maxReplicas');
  if (autoscaling.scaleDownThresholdCPU >= autoscaling.scaleUpThresholdCPU)
    return invalid('spec.autoscaling: scaleDownThresholdCPU must be less than scaleUpThresholdCPU');
  if (spec.replicas !== undefined && autoscaling.mode !== 'Off')
    return invalid('spec.replicas: may be set only where autoscaling.mode is Off');
  if (spec.version !== undefined && spec.image !== undefined)
    return invalid('spec.image: only one of version and image may be set');
  const { existingClaim, storageClassName } = spec.storage.data.sharedVolume;
  if (existingClaim !== undefined && storageClassName !== undefined)
    return invalid('spec.storage.data.sharedVolume: storageClassName has no meaning beside existingClaim');
  if (spec.quota !== undefined && Object.keys(spec.quota).length === 0)
    return invalid('spec.quota: must name at least one of cpu, memory, storage, pods');
  const resources = findResourceProblem(spec.resources);
  if (resources !== undefined) return invalid(`spec.resources.${resources}`);
  const spill = findSpillProblem(spec.storage.spill);
  if (spill !== undefined) return invalid(`spec.storage.spill.${spill}`);
  const pods = findTemplateProblem(spec.podTemplate, nodeVariables);
  if (pods !== undefined) return invalid(`spec.podTemplate.${pods}`);
  const account = findAccountProblem(spec.serviceAccount);
  if (account !== undefined) return invalid(`spec.serviceAccount.${account}`);
  const volumes = findVolumeMetadataProblem(spec.volumeMetadata);
  if (volumes !== undefined) return invalid(`spec.volumeMetadata.${volumes}`);
  return { kind: 'valid', spec };
}

function invalid(problem: string): { readonly kind: 'invalid'; readonly problem: string } {
  return { kind: 'invalid', problem };
}
