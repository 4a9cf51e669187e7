import { isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { Expectations } from '../controller/expectations.ts';
import { isApplied } from '../kube/applied.ts';
import { formatKey, type KubeObject, keyOf, type Stored } from '../kube/object.ts';
import type { EventInput, Kube, StatusPatch } from '../kube/ports.ts';
import type { Resource } from '../kube/resource.ts';

/** What a pass has to say about its object. */
export type Report = {
  /** The whole status. */
  readonly status: Readonly<Record<string, unknown>>;
  /**
   * The object breaks the rules. Where the API server refuses even its status (rules on the whole object, such as its name)
   * the log has to do: trying again changes nothing.
   */
  readonly isRefusal: boolean;
  /** For people; asked for once the status is written, since most passes change nothing. */
  readonly events: () => readonly Notice[];
};

export type Notice = Pick<EventInput, 'type' | 'reason' | 'action' | 'note'>;

export type ReportTools = {
  readonly kube: Pick<Kube, 'patchStatus' | 'createEvent' | 'fieldManager'>;
  readonly expectations: Pick<Expectations, 'wrote'>;
  readonly logger: Logger;
};

/**
 * Writes the status by server-side apply and records the events, unless the status stands there already. The key waits for
 * its cache to show the new status. Gives whether it wrote.
 */
export async function writeReport<T extends KubeObject>(
  tools: ReportTools,
  resource: Resource<T>,
  object: Stored<T>,
  report: Report,
): Promise<boolean> {
  const written = await writeStatus(tools, resource, object, report);
  if (written === undefined) return false;
  tools.expectations.wrote(keyOf(object), resource, written);
  for (const event of report.events()) await recordEvent(tools, resource, object, event);
  return true;
}

async function writeStatus<T extends KubeObject>(
  { kube, logger }: ReportTools,
  resource: Resource<T>,
  object: Stored<T>,
  { status, isRefusal }: Report,
): Promise<Stored<T> | undefined> {
  const { name, namespace = '' } = object.metadata;
  const { apiVersion, kind } = resource;
  const patch: StatusPatch = { apiVersion, kind, metadata: { name, namespace }, status };
  if (isApplied(patch, object, { manager: kube.fieldManager, subresource: 'status' })) return undefined;
  try {
    return await kube.patchStatus(resource, patch, { force: true });
  } catch (error) {
    if (!isRefusal || !isHybridStoreError(error, 'invalid_request')) throw error;
    logger.warn('refusal_not_reported', { kind, object: formatKey(keyOf(object)), error });
    return undefined;
  }
}

/** An Event that cannot be written is logged and forgotten: it is for people and decides nothing. */
export async function recordEvent(
  { kube, logger }: Pick<ReportTools, 'logger'> & { readonly kube: Pick<Kube, 'createEvent'> },
  resource: Resource,
  object: Stored<KubeObject>,
  event: Notice,
): Promise<void> {
  const { name, namespace = '', uid } = object.metadata;
  const { apiVersion, kind } = resource;
  try {
    await kube.createEvent({ regarding: { apiVersion, kind, namespace, name, uid }, ...event });
  } catch (error) {
    logger.warn('event_not_recorded', { kind, namespace, name, reason: event.reason, error });
  }
}
