import { parseApiVersion } from '@hybridstore/controller-runtime';
import type { Kind } from '../api/kind.ts';

/**
 * As much of the OpenAPI v3 document as kubectl needs: it looks there whether the server checks unknown fields itself
 * (the parameter `fieldValidation` of PATCH), and sends the object unchecked if so; and it explains fields from the schemas
 * of custom kinds. Those of built-in kinds are left out.
 *
 * The document of an OpenAPI path; undefined for other paths.
 */
export function readOpenApi(path: string, kinds: readonly Kind[]): object | undefined {
  if (path === '/openapi/v3')
    return {
      paths: Object.fromEntries(
        listVersions(kinds).map((root) => [root, { serverRelativeURL: `/openapi/v3/${root}?hash=embedded` }]),
      ),
    };
  const root = /^\/openapi\/v3\/(.+)$/.exec(path)?.[1];
  const served = root === undefined ? [] : kinds.filter((kind) => rootOf(kind) === root);
  if (served.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info: { title: 'embedded API server', version: 'v1' },
    paths: Object.fromEntries(served.map((kind) => [objectPathOf(kind), { patch: describePatch(kind) }])),
    components: {
      schemas: Object.fromEntries(
        served.filter(({ isCustom }) => isCustom).map((kind) => [schemaNameOf(kind), describeSchema(kind)]),
      ),
    },
  };
}

/** `com.example.v1.Widget`: the group backwards, as the API server names the schemas of custom kinds. */
function schemaNameOf({ resource }: Kind): string {
  const { group, version } = parseApiVersion(resource.apiVersion);
  return [...group.split('.').reverse(), version, resource.kind].join('.');
}

function describeSchema(kind: Kind): object {
  const text = { type: 'string' };
  return {
    ...kind.schema,
    properties: { apiVersion: text, kind: text, metadata: { type: 'object' }, ...kind.schema.properties },
    'x-kubernetes-group-version-kind': [groupVersionKind(kind)],
  };
}

function listVersions(kinds: readonly Kind[]): readonly string[] {
  return [...new Set(kinds.map(rootOf))];
}

/** `api/v1`, `apis/apps/v1`. */
function rootOf({ resource }: Kind): string {
  return `${resource.apiVersion.includes('/') ? 'apis' : 'api'}/${resource.apiVersion}`;
}

function objectPathOf(kind: Kind): string {
  const scope = kind.resource.namespaced ? '/namespaces/{namespace}' : '';
  return `/${rootOf(kind)}${scope}/${kind.resource.plural}/{name}`;
}

function groupVersionKind({ resource }: Kind): object {
  const { group, version } = parseApiVersion(resource.apiVersion);
  return { group, version, kind: resource.kind };
}

function describePatch(kind: Kind): object {
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string' },
  }));
  return {
    parameters,
    responses: { 200: { description: 'OK' } },
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
  };
}
