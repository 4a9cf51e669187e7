import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { customResourceDefinitions, type KubeObject, namespaces, type Resource } from '@hybridstore/controller-runtime';
import { compactionPolicies, dataSources, tenants } from '@hybridstore/operator';
import { parseAllDocuments } from 'yaml';

const resources: Readonly<Record<string, Resource>> = {
  Tenant: tenants,
  DataSource: dataSources,
  CompactionPolicy: compactionPolicies,
  CustomResourceDefinition: customResourceDefinitions,
  Namespace: namespaces,
};

/** Every object of the YAML files of a folder, with where it belongs. */
export function readFolder(folder: string): { readonly resource: Resource; readonly object: KubeObject }[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort();
  // The folders are the repository's own; the API server checks what is in them.
  const objects = files.flatMap((name) =>
    parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => document.toJS() as KubeObject),
  );
  return objects
    .filter((object) => object !== null)
    .map((object) => ({ resource: resources[object.kind] ?? unknownKind(object.kind), object }));
}

function unknownKind(kind: string): never {
  throw new Error(`the examples hold a ${kind}, which this start does not know`);
}
