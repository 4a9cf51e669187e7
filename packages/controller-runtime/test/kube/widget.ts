import type { CustomResourceDefinition } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { defineResource } from '../../src/kube/resource.ts';

/** A custom kind for tests, with each feature of CRDs that the port has to carry. */
export type Widget = KubeObject & {
  readonly spec: {
    readonly size: number;
    readonly color?: 'red' | 'green';
    readonly owner?: string;
    readonly limits?: { readonly min?: number; readonly max?: number };
    readonly parts?: readonly { readonly name: string; readonly count?: number }[];
    readonly tags?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
    readonly memory?: string;
  };
  readonly status?: { readonly phase?: string; readonly replicas?: number; readonly selector?: string };
};

export const widgets = defineResource<Widget>('test.hybridstore.dev/v1', 'Widget', 'widgets');

const spec = {
  type: 'object',
  required: ['size'],
  properties: {
    size: { type: 'integer', minimum: 0, maximum: 100 },
    color: { type: 'string', enum: ['red', 'green'], default: 'red' },
    owner: {
      type: 'string',
      maxLength: 8,
      pattern: '^[a-z]+$',
      'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'owner is immutable' }],
    },
    limits: {
      type: 'object',
      properties: { min: { type: 'integer' }, max: { type: 'integer' } },
      'x-kubernetes-validations': [
        {
          rule: '!has(self.min) || !has(self.max) || self.min <= self.max',
          messageExpression: "self.max == 0 ? 'min is above zero' : 'min is above max'",
          fieldPath: '.min',
        },
      ],
    },
    parts: {
      type: 'array',
      maxItems: 4,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', maxLength: 20 }, count: { type: 'integer', default: 1 } },
      },
    },
    tags: { type: 'array', maxItems: 8, 'x-kubernetes-list-type': 'set', items: { type: 'string', maxLength: 20 } },
    labels: { type: 'object', maxProperties: 8, additionalProperties: { type: 'string', maxLength: 20 } },
    memory: {
      type: 'string',
      maxLength: 20,
      'x-kubernetes-validations': [
        { rule: "isQuantity(self) && quantity(self).isGreaterThan(quantity('1Mi'))", message: 'must be more than 1Mi' },
      ],
    },
  },
};

export const widgetDefinition: CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.hybridstore.dev' },
  spec: {
    group: 'test.hybridstore.dev',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget', shortNames: ['wd'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.size',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec,
              status: {
                type: 'object',
                properties: { phase: { type: 'string' }, replicas: { type: 'integer' }, selector: { type: 'string' } },
              },
            },
          },
        },
      },
    ],
  },
};

export function buildWidget(name: string, fields: Partial<Widget['spec']> = {}, namespace = 'default'): Widget {
  return {
    apiVersion: widgets.apiVersion,
    kind: widgets.kind,
    metadata: { name, namespace },
    spec: { size: 1, ...fields },
  };
}
