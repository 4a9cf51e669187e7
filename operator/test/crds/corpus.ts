import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Kube, KubeObject, Resource, Stored } from '@hybridstore/controller-runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import { parseAllDocuments } from 'yaml';
import { compactionPolicies, dataSources, tenants } from '../../src/resources/custom-resources.ts';

/**
 * Objects that the definitions accept and refuse, as files, and the runner that shows it on any API server: the embedded
 * one here, a real one in the cluster suite.
 *
 * A file holds one object, or two: then the second is an update of the first. In `invalid/` the last object is the one to
 * be refused, with the words of the `# expect:` line in the message.
 */
export type CorpusCase = {
  readonly name: string;
  readonly documents: readonly KubeObject[];
  /** Undefined for a valid case. */
  readonly expect: string | undefined;
};

export type CorpusVerdict = { readonly name: string; readonly failure: string | undefined };

const resources: Readonly<Record<string, Resource>> = {
  Tenant: tenants,
  DataSource: dataSources,
  CompactionPolicy: compactionPolicies,
};

export function readCorpus(): readonly CorpusCase[] {
  return [...readFolder('valid'), ...readFolder('invalid')];
}

function readFolder(folder: 'valid' | 'invalid'): readonly CorpusCase[] {
  const path = fileURLToPath(new URL(folder, import.meta.url));
  return readdirSync(path)
    .sort()
    .map((file) => readCase(file.replace(/\.yaml$/, ''), readFileSync(`${path}/${file}`, 'utf8'), folder));
}

function readCase(name: string, text: string, folder: 'valid' | 'invalid'): CorpusCase {
  // As kubectl reads it: YAML 1.1, where an unquoted Off is a boolean.
  const documents = parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS() as KubeObject);
  const expect = /^# expect: (.+)$/m.exec(text)?.[1];
  if ((folder === 'invalid') !== (expect !== undefined))
    throw new Error(`${name}: only invalid cases expect a message`);
  return { name, documents, expect };
}

/** Tries every case in a namespace that exists and that nobody else uses; whatever was stored is deleted again. */
export async function runCorpus(kube: Kube, namespace: string): Promise<readonly CorpusVerdict[]> {
  const verdicts: CorpusVerdict[] = [];
  for (const each of readCorpus()) verdicts.push({ name: each.name, failure: await tryCase(kube, namespace, each) });
  return verdicts;
}

async function tryCase(kube: Kube, namespace: string, each: CorpusCase): Promise<string | undefined> {
  const last = each.documents.length - 1;
  const stored: Stored<KubeObject>[] = [];
  try {
    for (const [index, document] of each.documents.entries()) {
      const error = await store(kube, { ...document, metadata: { ...document.metadata, namespace } }, stored);
      const expected = index === last ? each.expect : undefined;
      const failure = judge(error, expected);
      if (failure !== undefined) return `document ${index + 1}: ${failure}`;
    }
    return undefined;
  } finally {
    for (const object of stored.slice(0, 1)) await remove(kube, object);
  }
}

async function store(kube: Kube, object: KubeObject, stored: Stored<KubeObject>[]): Promise<string | undefined> {
  const resource = resourceOf(object);
  const first = stored[0];
  try {
    stored.push(
      first === undefined ? await kube.create(resource, object) : await replace(kube, resource, first, object),
    );
    return undefined;
  } catch (error) {
    if (error instanceof HybridStoreError && error.code === 'invalid_request') return error.message;
    throw error;
  }
}

/** Reads the newest version before: an operator may have written the status or a finalizer meanwhile. */
async function replace(kube: Kube, resource: Resource, first: Stored<KubeObject>, object: KubeObject) {
  const live = await kube.get(resource, { namespace: first.metadata.namespace ?? '', name: first.metadata.name });
  return await kube.update(resource, { ...live, ...object, metadata: live.metadata });
}

function judge(error: string | undefined, expected: string | undefined): string | undefined {
  if (expected === undefined) return error === undefined ? undefined : `expected to be accepted, got: ${error}`;
  if (error === undefined) return `expected to be refused with "${expected}", was accepted`;
  return error.includes(expected) ? undefined : `expected "${expected}", got: ${error}`;
}

async function remove(kube: Kube, object: Stored<KubeObject>): Promise<void> {
  const { name, namespace = '' } = object.metadata;
  await kube.delete(resourceOf(object), { namespace, name });
}

function resourceOf(object: KubeObject): Resource {
  const resource = resources[object.kind];
  if (resource === undefined) throw new Error(`${object.kind} is not one of ${Object.keys(resources).join(', ')}`);
  return resource;
}
