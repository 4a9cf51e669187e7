import type { KubeObject, ObjectMeta, Resource } from '@hybridstore/controller-runtime';
import type { FieldError } from '../schema/field-error.ts';

const subdomainLengthMax = 253;
const labelLengthMax = 63;
/** Source: `TotalAnnotationSizeLimitB`. */
const annotationBytesMax = 256 * 1024;

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const qualifiedName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const labelValueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Kinds whose names become a DNS label. */
const labelNamed: ReadonlySet<string> = new Set(['services', 'namespaces']);

/**
 * The rules of metadata that hold for every kind. Source: apimachinery pkg/api/validation/objectmeta.go,
 * pkg/util/validation/validation.go.
 */
export function validateObjectMeta(resource: Resource, object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { metadata } = object;
  return [
    ...validateName(resource, metadata),
    ...Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => validateLabel(key, value)),
    ...validateAnnotations(metadata),
    ...(old === undefined ? [] : validateChanges(metadata, old.metadata)),
  ];
}

function validateName(resource: Resource, { name = '' }: ObjectMeta): FieldError[] {
  const path = 'metadata.name';
  if (name === '') return [{ type: 'Required', path, detail: 'name or generateName is required' }];
  const isLabel = labelNamed.has(resource.plural);
  const lengthMax = isLabel ? labelLengthMax : subdomainLengthMax;
  if (name.length > lengthMax)
    return [{ type: 'Invalid', path, value: name, detail: `must be no more than ${lengthMax} characters` }];
  // RBAC names may hold colons; they name no DNS record.
  if (resource.apiVersion.startsWith('rbac.')) return [];
  if ((isLabel ? dnsLabel : subdomain).test(name)) return [];
  return [{ type: 'Invalid', path, value: name, detail: isLabel ? labelMessage : subdomainMessage }];
}

function validateLabel(key: string, value: string): FieldError[] {
  const path = 'metadata.labels';
  const name = key.slice(key.indexOf('/') + 1);
  if (!qualifiedName.test(name) || name.length > labelLengthMax)
    return [{ type: 'Invalid', path, value: key, detail: 'name part must be a qualified name' }];
  if (value.length > labelLengthMax)
    return [{ type: 'Invalid', path, value, detail: `must be no more than ${labelLengthMax} characters` }];
  return labelValue.test(value) ? [] : [{ type: 'Invalid', path, value, detail: labelValueMessage }];
}

function validateAnnotations({ annotations = {} }: ObjectMeta): FieldError[] {
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (bytes <= annotationBytesMax) return [];
  return [
    { type: 'TooLong', path: 'metadata.annotations', detail: `may not be more than ${annotationBytesMax} bytes` },
  ];
}

/** A deletion that has begun lets nobody add a finalizer. */
function validateChanges(metadata: ObjectMeta, old: ObjectMeta): FieldError[] {
  if (old.deletionTimestamp === undefined) return [];
  const added = (metadata.finalizers ?? []).filter((finalizer) => !(old.finalizers ?? []).includes(finalizer));
  if (added.length === 0) return [];
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
  return [{ type: 'Forbidden', path: 'metadata.finalizers', detail }];
}
