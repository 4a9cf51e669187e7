import { pipeline, type Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, createGzip, createZstdCompress, gzip, zstdCompress } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Smaller answers hardly shrink, and cost as much to take in. */
export const compressedBytesMin = 1_024;
/** Answers that are compressed at a time; the others go out as they are, which every client takes. */
const compressingMax = 64;
/** Measured on rows as JSON: a higher level makes them little smaller and costs two to four times as much. */
const gzipLevel = 2;
const zstdLevel = 2;

/** In the order in which they are chosen where a client likes them equally. */
export const answerCodings = ['zstd', 'gzip'] as const;
export type AnswerCoding = (typeof answerCodings)[number];

const gzipText = promisify(gzip);
const zstdText = promisify(zstdCompress);
const gzipOptions = { level: gzipLevel };
const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } };
const textTypes = /^(?:application\/(?:json|x-ndjson)|text\/)/;

/**
 * Compresses answers for clients that ask for it: texts of some size, and streams, of which every piece goes out when it
 * comes. Whoever made an answer compresses it, so that what is between passes it on as it is. Not where `mayCompress` says
 * no: an answer that holds a secret.
 */
export function compressAnswers(app: FastifyInstance, mayCompress: (request: FastifyRequest) => boolean): void {
  let compressing = 0;
  const compress = async (payload: Compressible, reply: FastifyReply, coding: AnswerCoding): Promise<unknown> => {
    compressing += 1;
    const leave = () => {
      compressing -= 1;
    };
    const answer = isStream(payload) ? await takeWhole(payload).catch(failAfter(leave)) : Buffer.from(payload);
    if (Buffer.isBuffer(answer)) return compressText(reply, answer, coding).finally(leave);
    announce(reply, coding);
    return compressStream(answer, coding, leave);
  };
  // With a callback, since most answers are small and go on at once.
  app.addHook('onSend', (request, reply, payload: unknown, done) => {
    if (!isCompressible(reply, payload) || !mayCompress(request)) return done(null, payload);
    addVary(reply);
    const coding = chooseCoding(request.headers['accept-encoding']);
    if (coding === undefined || request.method === 'HEAD' || compressing >= compressingMax) return done(null, payload);
    compress(payload, reply, coding).then((compressed) => done(null, compressed), done);
  });
}

type Compressible = string | Buffer | Readable;

function isCompressible(reply: FastifyReply, payload: unknown): payload is Compressible {
  const isText = typeof payload === 'string' || Buffer.isBuffer(payload);
  if (isText ? payload.length < compressedBytesMin : !isStream(payload)) return false;
  if (reply.statusCode === 204 || reply.statusCode === 304 || reply.hasHeader('content-encoding')) return false;
  return textTypes.test(String(reply.getHeader('content-type') ?? ''));
}

function isStream(payload: unknown): payload is Readable {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload;
}

function addVary(reply: FastifyReply): void {
  const named = reply.getHeader('vary');
  void reply.header('vary', named === undefined ? 'Accept-Encoding' : `${String(named)}, Accept-Encoding`);
}

function announce(reply: FastifyReply, coding: AnswerCoding): void {
  void reply.header('content-encoding', coding).removeHeader('content-length');
}

async function compressText(reply: FastifyReply, text: Buffer, coding: AnswerCoding): Promise<Buffer> {
  if (text.length < compressedBytesMin) return text;
  const compressed = await (coding === 'gzip' ? gzipText(text, gzipOptions) : zstdText(text, zstdOptions));
  announce(reply, coding);
  return compressed;
}

function failAfter(leave: () => void): (error: unknown) => never {
  return (error) => {
    leave();
    throw error;
  };
}

/** The text of a stream that is over with its first piece, as small answers are; else the stream, nothing taken from it. */
async function takeWhole(source: Readable): Promise<Buffer | Readable> {
  await isReadable(source);
  const piece: Buffer | null = source.read();
  await nextTurn();
  if (source.readableEnded) return piece ?? Buffer.alloc(0);
  if (piece !== null) source.unshift(piece);
  return source;
}

/** Settles with the first piece, or with an end before it; rejects with what broke the stream. */
function isReadable(source: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      source.off('readable', end).off('close', end).off('error', fail);
    };
    const end = () => {
      stop();
      resolve();
    };
    const fail = (error: Error) => {
      stop();
      reject(error);
    };
    source.once('readable', end).once('close', end).once('error', fail);
  });
}

/** What ends one of the two streams ends the other. */
function compressStream(source: Readable, coding: AnswerCoding, done: () => void): Readable {
  const compressor =
    coding === 'gzip'
      ? createGzip({ ...gzipOptions, flush: constants.Z_SYNC_FLUSH })
      : createZstdCompress({ ...zstdOptions, flush: constants.ZSTD_e_flush });
  // Whoever reads what comes out gets every error; nobody else looks at the source.
  source.on('error', () => {});
  return pipeline(source, compressor, done);
}

/**
 * The coding that a client likes best among ours (RFC 9110, section 12.5.3); undefined for the text as it is. What is
 * malformed is read over: an answer without a coding is right for everybody.
 */
export function chooseCoding(header: string | string[] | undefined): AnswerCoding | undefined {
  if (header === undefined) return undefined;
  const weights = readWeights(String(header));
  const weightOf = (coding: string) => weights.get(coding) ?? weights.get('*') ?? 0;
  const plainWeight = weights.get('identity') ?? 0;
  let best: AnswerCoding | undefined;
  for (const coding of answerCodings) {
    const weight = weightOf(coding);
    if (weight > 0 && weight >= plainWeight && (best === undefined || weight > weightOf(best))) best = coding;
  }
  return best;
}

function readWeights(header: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const part of header.toLowerCase().split(',')) {
    const found = /^\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*$/.exec(part);
    if (found?.[1] !== undefined) weights.set(nameOf(found[1]), Math.min(1, Number(found[2] ?? 1)));
  }
  return weights;
}

function nameOf(coding: string): string {
  return coding === 'x-gzip' ? 'gzip' : coding;
}
