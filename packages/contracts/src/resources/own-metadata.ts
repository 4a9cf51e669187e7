import { type Static, Type } from 'typebox';
import { withRules } from './fields.ts';

/*
 * Labels and annotations that people put on objects of the operator, beside its own: what would take those away is refused
 * by name.
 */

/** By which the operator, and the controllers below it, find pods again. A key that ends with `/` stands for all under it. */
export const reservedLabels = [
  'app.kubernetes.io/',
  'hybridstore.dev/',
  'apps.kubernetes.io/',
  'statefulset.kubernetes.io/',
  'controller-revision-hash',
  'pod-template-hash',
] as const;

/** What the operator says of a pod itself. */
export const reservedAnnotations = [
  'hybridstore.dev/',
  'prometheus.io/scrape',
  'prometheus.io/port',
  'prometheus.io/path',
] as const;

/** What the operator, and those who make volumes, say of a claim themselves. */
export const reservedClaimAnnotations = [
  'hybridstore.dev/',
  'pv.kubernetes.io/',
  'volume.kubernetes.io/',
  'volume.beta.kubernetes.io/',
] as const;

/** Whether a key is one of a list like `reservedLabels`. */
export function isReservedKey(key: string, reserved: readonly string[]): boolean {
  return reserved.some((one) => (one.endsWith('/') ? key.startsWith(one) : key === one));
}

/** A list like `reservedLabels` for people: `a/*, b`. */
export function describeReserved(reserved: readonly string[]): string {
  return reserved.map((one) => (one.endsWith('/') ? `${one}*` : one)).join(', ');
}

const keysMax = 64;

/** A map of texts; `value` are keywords of each. */
export function TextMap(value: Readonly<Record<string, unknown>>, options: Readonly<Record<string, unknown>>) {
  return Type.Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    maxProperties: keysMax,
    additionalProperties: { type: 'string', ...value },
    ...options,
  });
}

function refuseReserved(field: string, reserved: readonly string[]) {
  const isNone = reserved.map((one) => (one.endsWith('/') ? `!key.startsWith('${one}')` : `key != '${one}'`));
  return withRules({
    rule: `self.all(key, ${isNone.join(' && ')})`,
    message: `${field}: expected none of ${describeReserved(reserved)}, which the platform sets itself`,
  });
}

export const labelValue = { maxLength: 63, pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' } as const;
const annotationValue = { maxLength: 4_096 } as const;

/** Labels beside those of the operator. `field` names the place in refusals. */
export function OwnLabels(field: string, description: string) {
  return TextMap(labelValue, { description, ...refuseReserved(field, reservedLabels) });
}

/** Annotations beside those of the operator, and of whoever else `reserved` names. `field` names the place in refusals. */
export function OwnAnnotations(field: string, description: string, reserved: readonly string[] = reservedAnnotations) {
  return TextMap(annotationValue, { description, ...refuseReserved(field, reserved) });
}

/** What the claims of a tenant wear beside what the operator says. */
export const VolumeMetadata = Type.Object(
  {
    labels: Type.Optional(OwnLabels('volumeMetadata.labels', 'labels beside those of the operator')),
    annotations: Type.Optional(
      OwnAnnotations(
        'volumeMetadata.annotations',
        'annotations beside those of the operator and of whoever makes the volumes',
        reservedClaimAnnotations,
      ),
    ),
  },
  {
    additionalProperties: false,
    description: 'what the claims of logs and tables wear; a claim that the tenant brought stays as it is',
  },
);
export type VolumeMetadata = Static<typeof VolumeMetadata>;
