import type { CustomResourceVersion, KubeObject, Resource } from '@hybridstore/controller-runtime';
import type { FieldError } from '../schema/field-error.ts';
import type { RuleValidator } from '../schema/rules.ts';
import type { Schema } from '../schema/schema.ts';
import type { ValueValidator } from '../schema/values.ts';

/**
 * What the embedded API server knows about one kind: where it lives, its schema, its subresources and its own rules.
 */
export type Kind = {
  readonly resource: Resource;
  readonly schema: Schema;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Writes of the object leave `status` alone, and writes of the status everything else. */
  readonly hasStatus: boolean;
  /** Counts changes outside metadata and status. */
  readonly hasGeneration: boolean;
  /** Deployments count changes of annotations too. */
  readonly countsAnnotations: boolean;
  readonly scale?: ScalePaths;
  readonly printerColumns: NonNullable<CustomResourceVersion['additionalPrinterColumns']>;
  readonly isCustom: boolean;
  readonly validateValues?: ValueValidator;
  readonly validateRules?: RuleValidator;
  /** Rules of a built-in kind beyond its schema. */
  readonly rules?: KindRules;
};

export type ScalePaths = {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  readonly selector?: readonly string[];
};

export type KindRules = {
  /** Completes an object before it is checked and stored, as defaulting and strategies do. */
  readonly prepare?: (object: KubeObject, old: KubeObject | undefined) => KubeObject;
  readonly validate?: (object: KubeObject, old: KubeObject | undefined) => readonly FieldError[];
};

/** `apps/v1/statefulsets`: how the store, the journal and the registry name a kind. */
export function collectionOf(resource: Pick<Resource, 'apiVersion' | 'plural'>): string {
  return `${resource.apiVersion}/${resource.plural}`;
}
