import { kubeError } from '@hybridstore/controller-runtime';

/**
 * Objects in protobuf, as kubectl's own commands send them (`create namespace`, `auth can-i`): an envelope with the kind,
 * and the object by field numbers. Only the kinds below are read; they are small, and their numbers never change.
 * Source: apimachinery pkg/runtime/serializer/protobuf; `generated.proto` of staging/src/k8s.io/api and apimachinery, v0.35.
 */
type FieldType = 'text' | 'bytes' | 'flag' | 'texts' | 'text-map' | 'bytes-map' | Message;
type Message = { readonly [fieldNumber: number]: readonly [name: string, type: FieldType] };

const magic = Buffer.from('k8s\0', 'latin1');

const metadata: readonly [string, Message] = [
  'metadata',
  {
    1: ['name', 'text'],
    2: ['generateName', 'text'],
    3: ['namespace', 'text'],
    5: ['uid', 'text'],
    6: ['resourceVersion', 'text'],
    11: ['labels', 'text-map'],
    12: ['annotations', 'text-map'],
    14: ['finalizers', 'texts'],
  },
];

const resourceAttributes: Message = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
};

const nonResourceAttributes: Message = { 1: ['path', 'text'], 2: ['verb', 'text'] };

const messages: Readonly<Record<string, Message>> = {
  'v1/Namespace': { 1: metadata, 2: ['spec', { 1: ['finalizers', 'texts'] }] },
  'v1/ConfigMap': { 1: metadata, 2: ['data', 'text-map'], 3: ['binaryData', 'bytes-map'], 4: ['immutable', 'flag'] },
  'v1/Secret': {
    1: metadata,
    2: ['data', 'bytes-map'],
    3: ['type', 'text'],
    4: ['stringData', 'text-map'],
    5: ['immutable', 'flag'],
  },
  'v1/ServiceAccount': { 1: metadata, 4: ['automountServiceAccountToken', 'flag'] },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': {
    1: metadata,
    2: ['spec', { 1: ['resourceAttributes', resourceAttributes], 2: ['nonResourceAttributes', nonResourceAttributes] }],
  },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': { 1: metadata, 2: ['spec', { 1: ['namespace', 'text'] }] },
};

/** As `apiVersion/kind`. */
export const protobufKinds: readonly string[] = Object.keys(messages);

const envelope: Message = { 1: ['typeMeta', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }], 2: ['raw', 'bytes'] };

/** The object, with its apiVersion and kind. Throws `invalid_request`; 415 naming the kind when it is not read. */
export function decodeObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw damaged('it does not begin with "k8s"');
  const { typeMeta, raw } = decodeMessage(bytes.subarray(magic.length), envelope) as {
    readonly typeMeta?: { readonly apiVersion?: string; readonly kind?: string };
    readonly raw?: string;
  }; // the table above
  const { apiVersion = '', kind = '' } = typeMeta ?? {};
  const message = messages[`${apiVersion}/${kind}`];
  if (message === undefined) throw unreadKind(apiVersion, kind);
  return { apiVersion, kind, ...decodeMessage(Buffer.from(raw ?? '', 'base64'), message) };
}

function unreadKind(apiVersion: string, kind: string) {
  const message = `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml; of application/vnd.kubernetes.protobuf this server reads ${protobufKinds.join(', ')}, found ${apiVersion}/${kind}. With kubectl: add --dry-run=client -o yaml and pipe it into kubectl apply -f -`;
  return kubeError({ reason: 'UnsupportedMediaType', message });
}

type WireField = { readonly number: number; readonly value: number | Buffer };

/** Empty texts are as good as absent: Go writes them, JSON leaves them out. */
function decodeMessage(bytes: Buffer, message: Message): Readonly<Record<string, unknown>> {
  const fields = new Map<string, unknown>();
  for (const { number, value } of readFields(bytes)) {
    const [name, type] = message[number] ?? [];
    if (name === undefined || type === undefined) continue;
    const decoded = decodeField(type, value, fields.get(name));
    if (decoded !== undefined) fields.set(name, decoded);
  }
  return Object.fromEntries(fields);
}

function decodeField(type: FieldType, value: number | Buffer, before: unknown): unknown {
  if (type === 'flag') return value === 1;
  if (!Buffer.isBuffer(value)) throw damaged('expected a text, got a number');
  if (typeof type === 'object') return decodeMessage(value, type);
  switch (type) {
    case 'text':
      return value.length === 0 ? undefined : value.toString();
    case 'bytes':
      return value.toString('base64');
    case 'texts':
      return [...((before as string[] | undefined) ?? []), value.toString()]; // what an earlier field left
    case 'text-map':
    case 'bytes-map':
      return { ...(before as object | undefined), ...decodeEntry(value, type === 'text-map') };
  }
}

function decodeEntry(bytes: Buffer, isText: boolean): Readonly<Record<string, unknown>> {
  const { key = '', value = '' } = decodeMessage(bytes, {
    1: ['key', 'text'],
    2: ['value', isText ? 'text' : 'bytes'],
  });
  return { [String(key)]: value };
}

/** The wire format: a key of number and type, then a varint, eight bytes, a length and its bytes, or four bytes. */
function* readFields(bytes: Buffer): Generator<WireField> {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 10; shift += 1) {
      const byte = bytes[at];
      if (byte === undefined) throw damaged('it ends within a number');
      at += 1;
      value += (byte & 0x7f) * 2 ** (7 * shift);
      if (byte < 0x80) return value;
    }
    throw damaged('a number of more than 10 bytes');
  };
  const readBytes = (length: number): Buffer => {
    if (length > bytes.length - at) throw damaged(`a field of ${length} bytes, of which ${bytes.length - at} are left`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = readVarint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        yield { number, value: readVarint() };
        break;
      case 1:
        yield { number, value: readBytes(8) };
        break;
      case 2:
        yield { number, value: readBytes(readVarint()) };
        break;
      case 5:
        yield { number, value: readBytes(4) };
        break;
      default:
        throw damaged(`wire type ${key % 8} is none`);
    }
  }
}

function damaged(problem: string) {
  return kubeError({ reason: 'BadRequest', message: `error decoding the body of the request: protobuf: ${problem}` });
}
