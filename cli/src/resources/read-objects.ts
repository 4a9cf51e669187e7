import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@hybridstore/controller-runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import { parseAllDocuments } from 'yaml';
import { type Io, readStdin } from '../io.ts';
import { usageError } from '../usage-error.ts';
import { findResource, kindNames, resourceOf } from './kind-names.ts';

/** An object and the file it came from, for messages. */
export type ReadObject = { readonly object: KubeObject; readonly file: string };

/**
 * Every object of YAML or JSON files, of the files of folders, or of standard input (`-`). All of them are read and
 * looked at before one is given back: a mistake in the last keeps the first from being applied.
 */
export async function readObjects(paths: readonly string[], namespace: string, io: Io): Promise<ReadObject[]> {
  const objects: ReadObject[] = [];
  for (const path of paths) {
    const before = objects.length;
    if (path === '-') objects.push(...parseObjects('standard input', await readStdin(io), namespace));
    else for (const file of filesOf(path)) objects.push(...parseObjects(file, readFileSync(file, 'utf8'), namespace));
    if (objects.length === before)
      throw new HybridStoreError('invalid_request', `--filename: expected objects in ${path}, found none`);
  }
  return objects;
}

function filesOf(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw usageError('--filename', `expected a file, a folder or -, found nothing at ${path}`);
  if (!stat.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

function parseObjects(file: string, text: string, namespace: string): ReadObject[] {
  return parseAllDocuments(text).flatMap((document, index) => {
    const place = `${file}: document ${index + 1}`;
    const [error] = document.errors ?? [];
    if (error) throw new HybridStoreError('invalid_request', `${file}: not valid YAML: ${firstLine(error.message)}`);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    return itemsOf(value).map((item) => ({ file, object: checkObject(place, item, namespace) }));
  });
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.replace(/:$/, '') ?? text;
}

/** A `List`, as `get -o yaml` prints it, is its items. */
function itemsOf(value: unknown): readonly unknown[] {
  const { kind, items } = value as { readonly kind?: unknown; readonly items?: unknown };
  return kind === 'List' && Array.isArray(items) ? items : [value];
}

/** `value` as an object of Kubernetes, when it has what each of them has; its kind's own schema is for the API server. */
function checkObject(place: string, value: unknown, namespace: string): KubeObject {
  const { apiVersion, kind, metadata } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<KubeObject>;
  const missing =
    typeof kind !== 'string'
      ? 'kind'
      : typeof apiVersion !== 'string'
        ? 'apiVersion'
        : typeof metadata?.name !== 'string'
          ? 'metadata.name'
          : undefined;
  if (missing !== undefined)
    throw new HybridStoreError('invalid_request', `${place}: expected an object with ${missing}, found none`, {
      field: missing,
    });
  const resource = findResource(kind ?? '');
  if (!resource)
    throw new HybridStoreError(
      'invalid_request',
      `${place}: kind: expected one of ${kindNames.join(', ')}, found ${kind}`,
      { field: 'kind' },
    );
  if (resource.apiVersion !== apiVersion)
    throw new HybridStoreError(
      'invalid_request',
      `${place}: apiVersion: expected ${resource.apiVersion} for a ${resource.kind}, found ${apiVersion}`,
      { field: 'apiVersion' },
    );
  const object = value as KubeObject; // its apiVersion, kind and name were just looked at
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } };
}

export function keyOf(object: KubeObject): { readonly namespace: string; readonly name: string } {
  return { namespace: object.metadata.namespace ?? 'default', name: object.metadata.name ?? '' };
}

/** `datasources/flights`, as every line about an object begins. */
export function nameOf(object: KubeObject): string {
  return `${resourceOf(object.kind).plural}/${object.metadata.name}`;
}
