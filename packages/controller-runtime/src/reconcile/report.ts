import { isHybridStoreError, type Logger } from '@hybridstore/runtime';
import { isApplied } from '../kube/applied.ts';
import { formatKey, type KubeObject, keyOf, type Stored } from '../kube/object.ts';
import type { EventInput, Kube, StatusPatch } from '../kube/port.ts';
import type { Resource } from '../kube/resource.ts';

/** Writes the whole status by server-side apply, unless it stands there already. Gives whether it wrote. */
export async function reportStatus<T extends KubeObject>(
  kube: Pick<Kube, 'patchStatus' | 'fieldManager'>,
  resource: Resource<T>,
  object: Stored<T>,
  status: Readonly<Record<string, unknown>>,
): Promise<Stored<T> | undefined> {
  const { name, namespace = '' } = object.metadata;
  const patch: StatusPatch = {
    apiVersion: resource.apiVersion,
    kind: resource.kind,
    metadata: { name, namespace },
    status,
  };
  if (isApplied(patch, object, { manager: kube.fieldManager, subresource: 'status' })) return undefined;
  return await kube.patchStatus(resource, patch, { force: true });
}

/**
 * As `reportStatus`, for an object that breaks the rules. Where the API server refuses even its status (rules on the whole
 * object, such as its name) the log has to do: trying again changes nothing.
 */
export async function reportRefusal<T extends KubeObject>(
  kube: Pick<Kube, 'patchStatus' | 'fieldManager'>,
  logger: Logger,
  resource: Resource<T>,
  object: Stored<T>,
  status: Readonly<Record<string, unknown>>,
): Promise<Stored<T> | undefined> {
  try {
    return await reportStatus(kube, resource, object, status);
  } catch (error) {
    if (!isHybridStoreError(error, 'invalid_request')) throw error;
    logger.warn('refusal_not_reported', { kind: resource.kind, object: formatKey(keyOf(object)), error });
    return undefined;
  }
}

export type Notice = Pick<EventInput, 'type' | 'reason' | 'action' | 'note'>;

/** Tells people. An Event that cannot be written is logged and forgotten: it decides nothing. */
export async function tell(
  kube: Pick<Kube, 'createEvent'>,
  logger: Logger,
  resource: Resource,
  object: Stored<KubeObject>,
  notice: Notice,
): Promise<void> {
  const { name, namespace = '', uid } = object.metadata;
  const { apiVersion, kind } = resource;
  try {
    await kube.createEvent({ regarding: { apiVersion, kind, namespace, name, uid }, ...notice });
  } catch (error) {
    logger.warn('event_not_recorded', { kind, namespace, name, reason: notice.reason, error });
  }
}
