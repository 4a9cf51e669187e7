import type { ConfigMap, Container, EnvironmentVariable, Pod, Secret, Stored } from '@hybridstore/controller-runtime';
import type { VolumeSources } from './volumes.ts';

export type LocalPod = { readonly address: string; readonly folders: ReadonlyMap<string, string> };
export type ContainerEnvironment = {
  readonly variables: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
};

/** Variables of a container as the kubelet builds them; paths below a mount lead into the mount's folder on this machine. */
export function buildEnvironment(
  pod: Stored<Pod>,
  container: Container,
  local: LocalPod,
  sources: VolumeSources,
): ContainerEnvironment {
  const namespace = pod.metadata.namespace ?? 'default';
  const missing: string[] = [];
  const variables: Record<string, string> = {};
  for (const source of container.envFrom ?? []) {
    const object = source.configMapRef
      ? sources.configMap(namespace, source.configMapRef.name)
      : source.secretRef
        ? sources.secret(namespace, source.secretRef.name)
        : undefined;
    const reference = source.configMapRef ?? source.secretRef;
    if (!object && !reference?.optional)
      missing.push(`${source.configMapRef ? 'configmap' : 'secret'} ${reference?.name}`);
    for (const key of Object.keys(object?.data ?? {}))
      variables[`${source.prefix ?? ''}${key}`] = readKey(object, key) ?? '';
  }
  for (const variable of container.env ?? []) {
    const value = readVariable(pod, variable, local, sources, missing);
    if (value !== undefined) variables[variable.name] = expand(value, variables);
  }
  const rewritten = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, rewritePath(value, container, local)]),
  );
  return { variables: rewritten, missing };
}

function readVariable(
  pod: Stored<Pod>,
  variable: EnvironmentVariable,
  local: LocalPod,
  sources: VolumeSources,
  missing: string[],
): string | undefined {
  const namespace = pod.metadata.namespace ?? 'default';
  const from = variable.valueFrom;
  if (!from) return variable.value ?? '';
  if (from.fieldRef) return readField(pod, from.fieldRef.fieldPath, local.address);
  const reference = from.configMapKeyRef ?? from.secretKeyRef;
  if (!reference) return undefined;
  const object = from.configMapKeyRef
    ? sources.configMap(namespace, reference.name)
    : sources.secret(namespace, reference.name);
  const value = readKey(object, reference.key);
  if (value === undefined && !reference.optional)
    missing.push(`${from.configMapKeyRef ? 'configmap' : 'secret'} ${reference.name} key ${reference.key}`);
  return value;
}

function readKey(object: Stored<ConfigMap> | Stored<Secret> | undefined, key: string): string | undefined {
  const value = object?.data?.[key];
  if (value === undefined || object?.kind !== 'Secret') return value;
  return Buffer.from(value, 'base64').toString('utf8');
}

function readField(pod: Stored<Pod>, path: string, address: string): string {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return pod.metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': pod.spec.nodeName,
    'spec.serviceAccountName': pod.spec.serviceAccountName,
    'status.podIP': address,
    'status.podIPs': address,
    'status.hostIP': address,
  };
  return fields[path] ?? '';
}

/** `$(NAME)` of an earlier variable, `$$(NAME)` for the text itself. */
function expand(value: string, variables: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (match, name: string | undefined) =>
    match === '$$' ? '$' : name === undefined ? match : (variables[name] ?? match),
  );
}

/** A value or argument that is a path below a mount of the container. */
export function rewritePath(value: string, container: Container, local: LocalPod): string {
  const mounts = (container.volumeMounts ?? []).toSorted((a, b) => b.mountPath.length - a.mountPath.length);
  for (const mount of mounts) {
    const folder = local.folders.get(mount.name);
    if (folder === undefined) continue;
    const target = mount.subPath === undefined ? folder : `${folder}/${mount.subPath}`;
    if (value === mount.mountPath) return target;
    if (value.startsWith(`${mount.mountPath}/`)) return `${target}${value.slice(mount.mountPath.length)}`;
  }
  return value;
}
