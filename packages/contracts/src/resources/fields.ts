import { Type } from 'typebox';

/** A CEL rule of a custom resource: checked by the API server itself, so that no webhook stands in the critical path. */
export type CelRule = { readonly rule: string; readonly message: string };

/** Keywords of a schema node that only the API server reads. */
export function withRules(...rules: readonly CelRule[]): { readonly 'x-kubernetes-validations': readonly CelRule[] } {
  return { 'x-kubernetes-validations': rules };
}

/** For a field that identifies the object: it may not change once it is set. */
export function immutable(field: string): { readonly 'x-kubernetes-validations': readonly CelRule[] } {
  return withRules({ rule: 'self == oldSelf', message: `${field} is immutable` });
}

/** Rule of the enclosing object: an optional field that may neither change nor appear nor vanish later. */
export function immutableOptional(field: string): CelRule {
  return {
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message: `${field} is immutable`,
  };
}

/** `100m`, `1.5`, `2Gi` or a plain integer: a Kubernetes quantity that is not negative. */
export const quantityPattern = '^([0-9]+(\\.[0-9]{1,9})?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$';
export function Quantity(options: { readonly description: string; readonly default?: string }) {
  return Type.Unsafe<string | number>({
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    pattern: quantityPattern,
    'x-kubernetes-int-or-string': true,
    ...options,
  });
}

/** Names of objects of the same namespace. */
export const dnsNamePattern = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';
export function ObjectName(description: string) {
  return Type.String({ pattern: dnsNamePattern, minLength: 1, maxLength: 253, description });
}

export const tenantNamePattern = '^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$';
export const tenantNameCharactersMax = 40;

/** The Tenant, of the same namespace, that an object belongs to. */
export const TenantRef = Type.Object(
  {
    name: Type.String({
      pattern: tenantNamePattern,
      maxLength: tenantNameCharactersMax,
      description: 'name of a Tenant of the same namespace',
    }),
  },
  {
    additionalProperties: false,
    description: 'Tenant that this object belongs to; cannot be changed',
    ...immutable('tenantRef'),
  },
);

export const deletionPolicies = ['Retain', 'Delete'] as const;
export type DeletionPolicy = (typeof deletionPolicies)[number];

const conditionMessageCharactersMax = 32_768;

/** `metav1.Condition`. */
export const ResourceCondition = Type.Object(
  {
    type: Type.String({ maxLength: 316, description: 'name of the condition, UpperCamelCase' }),
    status: Type.Enum(['True', 'False', 'Unknown'], { description: 'whether the condition holds' }),
    reason: Type.String({ minLength: 1, maxLength: 1_024, description: 'why, as one UpperCamelCase word' }),
    message: Type.String({ maxLength: conditionMessageCharactersMax, description: 'why, for people' }),
    lastTransitionTime: Type.String({ format: 'date-time', description: 'when `status` changed last' }),
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, format: 'int64', description: 'generation of the object that was judged' }),
    ),
  },
  { additionalProperties: false, description: 'one aspect of the observed state' },
);

export const Conditions = Type.Array(ResourceCondition, {
  maxItems: 16,
  description: 'observed state, one entry an aspect',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
});

export const ObservedGeneration = Type.Integer({
  minimum: 0,
  format: 'int64',
  description: 'generation of the object that this status describes',
});

export function Timestamp(description: string) {
  return Type.String({ format: 'date-time', description });
}

export function Count(description: string) {
  return Type.Integer({ minimum: 0, format: 'int64', description });
}
