import type { KubeObject, LabelSelector, Scale, Stored } from '@hybridstore/controller-runtime';
import { formatGroupResource, kubeError } from '@hybridstore/controller-runtime';
import { formatLabelSelector } from '../selectors.ts';
import type { Kind, ScalePaths } from './kind.ts';

/** The scale subresource: replicas of any scalable kind seen as one small object. */
export function scalePathsOf(kind: Kind): ScalePaths {
  if (kind.scale !== undefined) return kind.scale;
  throw kubeError({ reason: 'NotFound', message: `${formatGroupResource(kind.resource)} has no scale subresource` });
}

export function readScale(kind: Kind, object: Stored<KubeObject>): Stored<Scale> {
  const paths = scalePathsOf(kind);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector === undefined ? undefined : readPath(object, paths.selector);
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: {
      name,
      uid,
      resourceVersion,
      ...(namespace === undefined ? {} : { namespace }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: Number(readPath(object, paths.specReplicas) ?? 0) },
    status: {
      replicas: Number(readPath(object, paths.statusReplicas) ?? 0),
      ...(selector === undefined
        ? {}
        : { selector: typeof selector === 'string' ? selector : formatLabelSelector(selector as LabelSelector) }), // the schema checked it
    },
  };
}

/** The object with the desired replicas. Throws `invalid_request` when it is no count. */
export function withScale(kind: Kind, object: Stored<KubeObject>, scale: Scale): KubeObject {
  const replicas = scale.spec?.replicas ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw kubeError({
      reason: 'Invalid',
      message: `Scale.autoscaling ${JSON.stringify(object.metadata.name)} is invalid: spec.replicas: Invalid value: ${replicas}: must be greater than or equal to 0`,
    });
  }
  return writePath(object, scalePathsOf(kind).specReplicas, replicas) as KubeObject; // a map stays a map
}

function readPath(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const name of path) current = (current as Readonly<Record<string, unknown>> | undefined)?.[name]; // stored JSON
  return current;
}

function writePath(value: unknown, [name, ...rest]: readonly string[], leaf: unknown): unknown {
  if (name === undefined) return leaf;
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>; // stored JSON
  return { ...fields, [name]: writePath(fields[name], rest, leaf) };
}
