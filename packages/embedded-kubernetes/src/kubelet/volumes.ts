import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigMap, PersistentVolumeClaim, Pod, Secret, Stored, Volume } from '@hybridstore/controller-runtime';
import { privateFile, privateFolder } from '@hybridstore/runtime';

/** Objects that volumes are made from, by namespace and name. */
export interface VolumeSources {
  configMap(namespace: string, name: string | undefined): Stored<ConfigMap> | undefined;
  secret(namespace: string, name: string | undefined): Stored<Secret> | undefined;
  claim(namespace: string, name: string | undefined): Stored<PersistentVolumeClaim> | undefined;
}

export type VolumeFolders = { readonly byName: ReadonlyMap<string, string>; readonly missing: readonly string[] };

/** Folder of a claim. The uid keeps a new claim of an old name from finding the old one's files. */
export function claimFolder(root: string, claim: Stored<PersistentVolumeClaim>): string {
  return join(
    root,
    'volumes',
    claim.metadata.namespace ?? 'default',
    `${claim.metadata.name}.${claim.metadata.uid.slice(0, 8)}`,
  );
}

/** Makes or refreshes the folder of each of a pod's volumes. What cannot be made yet is named in `missing`. */
export function prepareVolumes(
  root: string,
  podFolder: string,
  pod: Stored<Pod>,
  sources: VolumeSources,
): VolumeFolders {
  const byName = new Map<string, string>();
  const missing: string[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const folder = prepareVolume(root, join(podFolder, 'volumes', volume.name), pod, volume, sources);
    if (folder.startsWith('/')) byName.set(volume.name, folder);
    else missing.push(folder);
  }
  return { byName, missing };
}

/** The folder's absolute path, or what is missing in words. */
function prepareVolume(root: string, own: string, pod: Stored<Pod>, volume: Volume, sources: VolumeSources): string {
  const namespace = pod.metadata.namespace ?? 'default';
  if (volume.persistentVolumeClaim) {
    const claim = sources.claim(namespace, volume.persistentVolumeClaim.claimName);
    if (claim?.status?.phase !== 'Bound') return `claim ${volume.persistentVolumeClaim.claimName}`;
    return ensureFolder(claimFolder(root, claim));
  }
  if (!volume.configMap && !volume.secret && !volume.projected) return ensureFolder(own);
  const files = collectFiles(namespace, volume, sources);
  if (typeof files === 'string') return files;
  writeFiles(ensureFolder(own), files);
  return own;
}

type Files = ReadonlyMap<string, Buffer>;

function collectFiles(namespace: string, volume: Volume, sources: VolumeSources): Files | string {
  const parts = volume.projected?.sources ?? [
    ...(volume.configMap ? [{ configMap: volume.configMap }] : []),
    ...(volume.secret ? [{ secret: { ...volume.secret, name: volume.secret.secretName } }] : []),
  ];
  const files = new Map<string, Buffer>();
  for (const part of parts) {
    const wanted = part.configMap ?? part.secret;
    if (!wanted) continue;
    const content = part.configMap
      ? readConfigMap(sources.configMap(namespace, wanted.name))
      : readSecret(sources.secret(namespace, wanted.name));
    const source = `${part.configMap ? 'configmap' : 'secret'} ${wanted.name}`;
    if (!content && !wanted.optional) return source;
    const absent = wanted.optional ? undefined : wanted.items?.find(({ key }) => !content?.has(key));
    if (absent) return `${absent.key} of ${source}`;
    for (const [key, bytes] of content ?? []) {
      const path = wanted.items ? wanted.items.find((item) => item.key === key)?.path : key;
      if (path !== undefined) files.set(path, bytes);
    }
  }
  return files;
}

function readConfigMap(configMap: ConfigMap | undefined): Files | undefined {
  if (!configMap) return undefined;
  const text = Object.entries(configMap.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const);
  const binary = Object.entries(configMap.binaryData ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
  );
  return new Map([...text, ...binary]);
}

function readSecret(secret: Secret | undefined): Files | undefined {
  return (
    secret && new Map(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]))
  );
}

/** Each file is replaced whole, by rename, and only when it differs: readers watch their modification times. */
function writeFiles(folder: string, files: Files): void {
  for (const [path, bytes] of files) {
    const target = join(folder, path);
    if (existsSync(target) && readFileSync(target).equals(bytes)) continue;
    mkdirSync(join(target, '..'), { recursive: true, mode: privateFolder });
    writeFileSync(`${target}.new`, bytes, { mode: privateFile });
    renameSync(`${target}.new`, target);
  }
  for (const name of readdirSync(folder))
    if (![...files.keys()].some((path) => path === name || path.startsWith(`${name}/`)))
      rmSync(join(folder, name), { recursive: true });
}

function ensureFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: privateFolder });
  return folder;
}
