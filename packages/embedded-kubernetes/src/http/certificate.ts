import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

/**
 * A certificate of our own for the embedded API server: kubectl sends its token over TLS only. Self-signed, made at each
 * start, and named as the authority in the kubeconfig that is written beside it. Node signs, but does not build
 * certificates, so the few fields it takes are encoded here. Source: RFC 5280 (X.509), X.690 (DER), RFC 5758 (ECDSA).
 */
export type ServerCertificate = {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
};

const dayMs = 86_400_000;
/** A platform that runs longer than this without a restart would be a surprise. */
const validDays = 3_650;

/** For one IPv4 address and `localhost`. */
export function createServerCertificate(host: string, nowMs: number): ServerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])), // positive by its first byte
    ecdsaWithSha256,
    commonName('embedded API server'),
    sequence(utcTime(nowMs - dayMs), utcTime(nowMs + validDays * dayMs)),
    commonName('embedded API server'),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(authority, alternativeNames(host))),
  );
  const signature = sign('sha256', body, { key: privateKey, dsaEncoding: 'der' });
  const certificate = sequence(body, ecdsaWithSha256, bitString(signature));
  return {
    certificate: toPem('CERTIFICATE', certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function toPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** One DER element: tag, length, content. */
function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content]);
}

/** Below 128 one byte; else the number of bytes, then the bytes. */
function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return element(0x30, ...contents);
}

function explicit(number: number, content: Buffer): Buffer {
  return element(0xa0 | number, content);
}

function integer(bytes: Buffer): Buffer {
  return element(0x02, bytes);
}

/** No unused bits. */
function bitString(bytes: Buffer): Buffer {
  return element(0x03, Buffer.from([0]), bytes);
}

function octetString(content: Buffer): Buffer {
  return element(0x04, content);
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return element(0x17, Buffer.from(`${digits}Z`));
}

/** Dotted numbers as base-128 digits; the first two share a byte. */
function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

function commonName(text: string): Buffer {
  return sequence(element(0x31, sequence(objectIdentifier('2.5.4.3'), element(0x0c, Buffer.from(text)))));
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const isTrue = element(0x01, Buffer.from([0xff]));
/** basicConstraints, critical: its own authority. */
const authority = sequence(objectIdentifier('2.5.29.19'), isTrue, octetString(sequence(isTrue)));

function alternativeNames(host: string): Buffer {
  if (!isIPv4(host)) throw new RangeError(`expected an IPv4 address, found ${host}`);
  const address = element(0x87, Buffer.from(host.split('.').map(Number)));
  return sequence(
    objectIdentifier('2.5.29.17'),
    octetString(sequence(element(0x82, Buffer.from('localhost')), address)),
  );
}
