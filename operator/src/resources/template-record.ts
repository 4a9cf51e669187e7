import { createHash } from 'node:crypto';
import { spillSizeDefault, type TenantSpec } from '@hybridstore/contracts';
import { canonicalJson, type Labels, type PodTemplateSpec, type StatefulSet } from '@hybridstore/controller-runtime';

/**
 * What a set says of its own template, in annotations of the set (never of its pods, which another word would restart):
 *
 *   hybridstore.dev/template          digest of the template that the operator gave it last
 *   hybridstore.dev/tenant-inputs     <generation>-<digest> of what the Tenant says of the template
 *   hybridstore.dev/platform-rollout  since when it follows a change of the platform; gone once all nodes have
 *
 * From the first two follows whose change another template is, from the third who rolls now, whatever process asks.
 */
const templateAnnotation = 'hybridstore.dev/template';
const inputsAnnotation = 'hybridstore.dev/tenant-inputs';
export const rolloutAnnotation = 'hybridstore.dev/platform-rollout';

const digestCharacters = 16;

export type TemplateRecord = {
  readonly template: string | undefined;
  readonly inputs: TenantInputs | undefined;
  /** A time, as Kubernetes writes them. */
  readonly rollsSince: string | undefined;
};

/** What a Tenant says of the template of its nodes. */
export type TenantInputs = { readonly generation: number; readonly digest: string };

export function readTemplateRecord({ metadata }: Pick<StatefulSet, 'metadata'>): TemplateRecord {
  const {
    [templateAnnotation]: template,
    [rolloutAnnotation]: rollsSince,
    [inputsAnnotation]: inputs = '',
  } = metadata.annotations ?? {};
  const [, generation, digest] = /^(\d{1,15})-([0-9a-f]+)$/.exec(inputs) ?? [];
  return {
    template,
    rollsSince,
    inputs: digest === undefined ? undefined : { generation: Number(generation), digest },
  };
}

export function renderTemplateRecord({ template, inputs, rollsSince }: TemplateRecord): Labels {
  return {
    ...(template === undefined ? {} : { [templateAnnotation]: template }),
    ...(inputs === undefined ? {} : { [inputsAnnotation]: `${inputs.generation}-${inputs.digest}` }),
    ...(rollsSince === undefined ? {} : { [rolloutAnnotation]: rollsSince }),
  };
}

export function digestTemplate(template: PodTemplateSpec): string {
  return digest(template);
}

/** Of the fields alone that the template follows: more nodes, or another quota, restart none. */
export function digestTenantInputs(spec: TenantSpec): string {
  const { displayName, image, version, resources, limits, wal, podTemplate, storage } = spec;
  const { existingClaim } = storage.data.sharedVolume;
  // Left out where nobody chose another: sets that were made before the field was there have a digest without it.
  const spillSize = storage.spill.size === spillSizeDefault ? undefined : storage.spill.size;
  return digest({ displayName, image, version, resources, limits, wal, podTemplate, existingClaim, spillSize });
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, digestCharacters);
}
