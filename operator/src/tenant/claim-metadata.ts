import type { VolumeMetadata } from '@hybridstore/contracts';
import {
  isApplied,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  proceed,
  type StepResult,
  type Stored,
} from '@hybridstore/controller-runtime';
import { managedBy } from '../resources/labels.ts';
import { childrenOf, type Observed } from './pass.ts';

/**
 * What people put on claims goes onto the claims themselves, those of living nodes too: claim templates of a set cannot
 * change. A field manager of its own owns just that, so that what is taken from the spec is taken from the claims, and
 * neither the set's controller nor another apply of the operator is concerned.
 */
export const claimMetadataManager = `${managedBy}-claim-metadata`;

/** The claims of a tenant wear what its spec says. A claim that the tenant brought is not the operator's to mark. */
export async function markClaims(pass: Observed): Promise<StepResult> {
  const { world, spec, kube } = pass;
  const children = childrenOf(pass);
  for (const claim of claimsOf(pass, world)) {
    const desired = buildMark(claim, spec.volumeMetadata ?? {});
    if (!needsMark(desired, claim)) continue;
    const options = { fieldManager: claimMetadataManager, force: true };
    children.noteWrite(persistentVolumeClaims, await kube.apply(persistentVolumeClaims, desired, options));
  }
  return proceed();
}

function claimsOf({ spec }: Observed, { dataClaim, logClaims }: Observed['world']) {
  const isOwn = spec.storage.data.sharedVolume.existingClaim === undefined;
  const claims = [...(dataClaim !== undefined && isOwn ? [dataClaim] : []), ...logClaims.values()];
  return claims.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** With the claim's uid: one that was deleted meanwhile is not made anew. */
function buildMark(
  { apiVersion, kind, metadata }: Stored<PersistentVolumeClaim>,
  marks: VolumeMetadata,
): PersistentVolumeClaim {
  const { name, namespace, uid } = metadata;
  const { labels = {}, annotations = {} } = marks;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  };
}

/** Something to put on it, or to take off again. */
function needsMark(desired: PersistentVolumeClaim, claim: Stored<PersistentVolumeClaim>): boolean {
  const isMarked = (claim.metadata.managedFields ?? []).some(({ manager }) => manager === claimMetadataManager);
  const { labels, annotations } = desired.metadata;
  if (labels === undefined && annotations === undefined && !isMarked) return false;
  return !isApplied(desired, claim, { manager: claimMetadataManager });
}
