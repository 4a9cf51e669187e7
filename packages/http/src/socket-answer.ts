import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorBody, ErrorCode } from '@hybridstore/contracts';
import type { Clock, HybridStoreError } from '@hybridstore/runtime';

/** An answer that no route gives, because there is no request yet or its body will not be waited for. */
export type SocketRefusal = {
  /** Number and words of the status line: `408 Request Timeout`. */
  readonly status: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** `allow` is a header as well. */
  readonly details?: HybridStoreError['details'];
};

export const slowRequest: SocketRefusal = {
  status: '408 Request Timeout',
  code: 'deadline_exceeded',
  message: 'the request came too slowly',
};

/**
 * The platform's error shape straight on a connection, which is closed once that is out. Bytes of an answer in progress
 * are not torn: then it only closes. `lingerMs` leaves a client who is still sending the time to read why he was refused.
 */
export function refuseOnSocket(
  socket: Duplex,
  refusal: SocketRefusal,
  linger?: { readonly clock: Clock; readonly lingerMs: number },
): void {
  // Node keeps the answer in progress on the socket (and its own default looks there): bytes of ours would tear it.
  const { _httpMessage: answer } = socket as Duplex & { readonly _httpMessage?: ServerResponse | null };
  if (!socket.writable || answer?.headersSent) {
    socket.destroy();
    return;
  }
  const text = JSON.stringify(buildBody(refusal));
  socket.end(
    `HTTP/1.1 ${refusal.status}\r\nContent-Type: application/json; charset=utf-8\r\n${headersOf(refusal)}` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
    () => linger ?? socket.destroy(),
  );
  if (linger)
    socket.once(
      'close',
      linger.clock.schedule(linger.lingerMs, () => socket.destroy()),
    );
}

function headersOf({ retryAfterMs, details }: SocketRefusal): string {
  const retryAfter = retryAfterMs === undefined ? '' : `Retry-After: ${Math.ceil(retryAfterMs / 1_000)}\r\n`;
  const allow = details?.['allow'];
  return Array.isArray(allow) ? `${retryAfter}Allow: ${allow.join(', ')}\r\n` : retryAfter;
}

function buildBody({ code, message, retryAfterMs, details }: SocketRefusal): ErrorBody {
  const retry = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
  return { error: { code, message, details: { ...details, ...retry }, request_id: randomUUID() } };
}
