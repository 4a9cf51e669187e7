import type { Json } from '@hybridstore/controller-runtime';

/**
 * One node of a structural schema: the OpenAPI v3 subset that CRDs may use, with the extensions that say how lists and
 * maps merge. Built-in kinds are described in the same form (built-in-schemas.ts), so that everything downstream knows
 * one shape only. Nodes may be shared and cyclic.
 */
export type Schema = {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly nullable?: boolean;
  readonly default?: Json;
  readonly enum?: readonly Json[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
  /** What a strategic merge patch does to a list or map, as far as it differs: lists are replaced, maps merged. */
  readonly 'x-kubernetes-patch-strategy'?: 'merge' | 'replace';
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
};

export type ValidationRule = {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
};

/** The schema of one field of an object; undefined when the field is not declared. */
export function schemaOfField(schema: Schema, name: string): Schema | undefined {
  const declared =
    schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
  if (declared !== undefined) return declared;
  if (typeof schema.additionalProperties === 'object') return schema.additionalProperties;
  if (schema.additionalProperties === true || schema['x-kubernetes-preserve-unknown-fields'] === true) return anySchema;
  return undefined;
}

/** Anything at all: below it lists are atomic and maps granular, as deduced by server-side apply. */
export const anySchema: Schema = Object.freeze({ 'x-kubernetes-preserve-unknown-fields': true });

/** How a node takes part in server-side apply. */
export type Structure = 'leaf' | 'map' | 'keyed-list' | 'set-list';

export function structureOf(schema: Schema, value: unknown): Structure {
  if (Array.isArray(value)) {
    if (schema['x-kubernetes-list-type'] === 'map') return 'keyed-list';
    return schema['x-kubernetes-list-type'] === 'set' ? 'set-list' : 'leaf';
  }
  if (typeof value !== 'object' || value === null) return 'leaf';
  return schema['x-kubernetes-map-type'] === 'atomic' ? 'leaf' : 'map';
}
