import type { IncomingMessage } from 'node:http';
import { isJsonObject, kubeError } from '@hybridstore/controller-runtime';
import { parse as parseYaml } from 'yaml';
import { decodeObject } from './protobuf.ts';

/** Larger than any object that is stored. */
const bodyBytesMax = 3 * 1024 * 1024;

export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

/** Clients with generated types write their objects in it, among them `kubectl create`. */
const protobuf = 'application/vnd.kubernetes.protobuf';

/** A JSON or YAML object, or one in protobuf; an absent body is an empty one. Throws `invalid_request`, `too_large`. */
export async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const type = mediaTypeOf(request);
  const bytes = await readBytes(request);
  if (bytes.length === 0) return {};
  const body = type === protobuf ? decodeObject(bytes) : parseBody(bytes.toString(), type);
  if (!isJsonObject(body))
    throw kubeError({ reason: 'BadRequest', message: 'expected an object in the body of the request' });
  return body;
}

/** The operations of a JSON patch. Throws `invalid_request`, `too_large`. */
export async function readOperations(request: IncomingMessage): Promise<readonly unknown[]> {
  const body = parseBody((await readBytes(request)).toString(), mediaTypeOf(request));
  if (Array.isArray(body)) return body;
  throw kubeError({ reason: 'BadRequest', message: 'error decoding patch: expected a list of operations' });
}

export function mediaTypeOf(request: IncomingMessage): string {
  return ((request.headers['content-type'] ?? '').split(';', 1)[0] ?? '').trim();
}

export function unsupportedPatchType(type: string) {
  const message = `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}; found ${type}`;
  return kubeError({ reason: 'UnsupportedMediaType', message });
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    // without an encoding a body is bytes
    bytes += chunk.length;
    if (bytes > bodyBytesMax)
      throw kubeError({
        reason: 'RequestEntityTooLarge',
        message: `the request body is larger than ${bodyBytesMax} bytes`,
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseBody(text: string, type: string): unknown {
  try {
    // What the apply patch calls YAML is most often JSON, which is read a hundred times as fast.
    return type.includes('yaml') && !text.trimStart().startsWith('{')
      ? parseYaml(text, { maxAliasCount: 0 })
      : JSON.parse(text);
  } catch (cause) {
    const message = `error decoding the body of the request: ${cause instanceof Error ? cause.message : cause}`;
    throw kubeError({ reason: 'BadRequest', message, cause });
  }
}
