import type { CustomResourceDefinition, CustomResourceVersion } from '@hybridstore/controller-runtime';
import { defineResource, kubeError } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { builtInSchema } from '../schema/built-in-schemas.ts';
import { compileRules } from '../schema/rules.ts';
import type { Schema } from '../schema/schema.ts';
import { compileValues } from '../schema/values.ts';
import type { Kind, ScalePaths } from './kind.ts';

/**
 * A CustomResourceDefinition as a kind of the embedded API server: schema, values and rules compiled once.
 *
 * The kinds a definition serves, one per served version. Throws `invalid_request` when a rule does not compile.
 */
export function buildCustomKinds(definition: CustomResourceDefinition): Kind[] {
  const versions = definition.spec?.versions ?? [];
  return versions.filter((version) => version.served).map((version) => buildCustomKind(definition, version));
}

function buildCustomKind(definition: CustomResourceDefinition, version: CustomResourceVersion): Kind {
  const { spec } = definition;
  if (spec === undefined) throw kubeError({ reason: 'Invalid', message: 'a CustomResourceDefinition needs a spec' });
  const declared = (version.schema?.openAPIV3Schema ?? {}) as Schema; // the CRD's own form
  return {
    resource: defineResource(
      `${spec.group}/${version.name}`,
      spec.names.kind,
      spec.names.plural,
      spec.scope === 'Cluster' ? 'cluster' : 'namespaced',
    ),
    schema: withObjectMeta(declared),
    singular: spec.names.singular ?? spec.names.kind.toLowerCase(),
    shortNames: spec.names.shortNames ?? [],
    categories: spec.names.categories ?? [],
    hasStatus: version.subresources?.status !== undefined,
    hasGeneration: true,
    countsAnnotations: false,
    printerColumns: version.additionalPrinterColumns ?? [],
    isCustom: true,
    validateValues: compileValues(withoutMetadata(declared)),
    validateRules: compileRulesOf(definition, declared),
    ...buildScale(version),
  };
}

/** What every object has, whether the definition says so or not. */
function withObjectMeta(schema: Schema): Schema {
  const properties = {
    ...schema.properties,
    apiVersion: { type: 'string' as const },
    kind: { type: 'string' as const },
    metadata: builtInSchema('V1ObjectMeta'),
  };
  return { ...schema, type: 'object', properties };
}

function withoutMetadata(schema: Schema): Schema {
  const { metadata: _metadata, ...properties } = schema.properties ?? {};
  return { ...schema, properties };
}

function compileRulesOf(definition: CustomResourceDefinition, schema: Schema) {
  try {
    return compileRules(schema);
  } catch (error) {
    if (!isHybridStoreError(error, 'invalid_request')) throw error;
    const message = `CustomResourceDefinition.apiextensions.k8s.io ${JSON.stringify(definition.metadata.name)} is invalid: ${error.message}`;
    throw kubeError({ reason: 'Invalid', message, cause: error });
  }
}

function buildScale(version: CustomResourceVersion): { readonly scale?: ScalePaths } {
  const scale = version.subresources?.scale;
  if (scale === undefined) return {};
  return {
    scale: {
      specReplicas: splitPath(scale.specReplicasPath),
      statusReplicas: splitPath(scale.statusReplicasPath),
      ...(scale.labelSelectorPath === undefined ? {} : { selector: splitPath(scale.labelSelectorPath) }),
    },
  };
}

/** `.spec.replicas` */
function splitPath(path: string): string[] {
  return path.split('.').filter((name) => name !== '');
}
