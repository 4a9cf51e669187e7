import type { IncomingMessage } from 'node:http';
import { isJsonObject, kubeError } from '@hybridstore/controller-runtime';
import { parse as parseYaml } from 'yaml';

/** Larger than any object that is stored. */
const bodyBytesMax = 3 * 1024 * 1024;

/** A JSON or YAML object; an absent body is an empty one. Throws `invalid_request`, `too_large`. */
export async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0] ?? '';
  const bytes = await readBytes(request);
  if (bytes.length === 0) return {};
  if (type === 'application/vnd.kubernetes.protobuf') throw unsupportedMedia(type);
  const body = parseBody(bytes.toString(), type);
  if (!isJsonObject(body))
    throw kubeError({ reason: 'BadRequest', message: 'expected an object in the body of the request' });
  return body;
}

export function unsupportedMedia(type: string) {
  const accepted = 'application/json, application/yaml, application/merge-patch+json, application/apply-patch+yaml';
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}; found ${type}`;
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
