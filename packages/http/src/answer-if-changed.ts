import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The answer under a name of what it holds (RFC 9110, section 8.8.3), or 304 without it for a caller who names this one. */
export function answerIfChanged<T>(request: FastifyRequest, reply: FastifyReply, answer: T): T | FastifyReply {
  const etag = `"${hash('sha256', JSON.stringify(answer), 'base64url')}"`;
  void reply.header('etag', etag);
  return request.headers['if-none-match'] === etag ? reply.code(304).send() : answer;
}
