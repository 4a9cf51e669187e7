import { LogLine, type Member, tenantNode } from '@hybridstore/contracts';
import { compileValidator, type HttpClient, type ServiceIdentity, type StreamAnswer } from '@hybridstore/http';
import {
  type Clock,
  HybridStoreError,
  isErrorCode,
  isHybridStoreError,
  isRecord,
  retryLater,
} from '@hybridstore/runtime';
import type { MemberLogs } from '../domain/ports.ts';

/** A member says every five seconds how far it has come. */
const silenceMsMax = 60_000;
const lineBytesMax = 64 * 1024 * 1024;
const lineBreak = 0x0a;
const checkLine = compileValidator(LogLine);

/** Asks other members to read their logs, with this node's service token, for as long as they go on saying something. */
export class MemberLogsClient implements MemberLogs {
  readonly #client: HttpClient;
  readonly #identity: ServiceIdentity;
  readonly #tenantId: string;
  readonly #clock: Clock;

  constructor(parts: { client: HttpClient; identity: ServiceIdentity; tenantId: string; clock: Clock }) {
    this.#client = parts.client;
    this.#identity = parts.identity;
    this.#tenantId = parts.tenantId;
    this.#clock = parts.clock;
  }

  async *check(member: Member, signal: AbortSignal): AsyncGenerator<LogLine> {
    const silence = new AbortController();
    const wait = () =>
      this.#clock.schedule(silenceMsMax, () => silence.abort(unreachable(member, `nothing for ${silenceMsMax} ms`)));
    let cancel = wait();
    let isDone = false;
    try {
      const { body } = await this.#ask(member, AbortSignal.any([signal, silence.signal]));
      for await (const text of readLines(body, member)) {
        cancel();
        const line = parseLine(text, member);
        isDone = 'log' in line;
        yield line;
        cancel = wait();
      }
    } catch (error) {
      signal.throwIfAborted();
      silence.signal.throwIfAborted();
      throw isHybridStoreError(error) ? describeFailure(error, member) : unreachable(member, 'its answer broke off');
    } finally {
      cancel();
    }
    if (!isDone) throw unreachable(member, 'its answer broke off');
  }

  #ask(member: Member, signal: AbortSignal): Promise<StreamAnswer> {
    const token = this.#identity.token(this.#tenantId);
    return this.#client.stream(member.url, tenantNode.checkLog, { token, timeoutMs: Number.POSITIVE_INFINITY, signal });
  }
}

async function* readLines(body: StreamAnswer['body'], member: Member): AsyncGenerator<string> {
  let held: Buffer[] = [];
  let bytes = 0;
  try {
    // A body of HTTP without an encoding gives buffers.
    for await (const chunk of body as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(lineBreak); end >= 0; end = chunk.indexOf(lineBreak, from)) {
        yield Buffer.concat([...held, chunk.subarray(from, end)]).toString('utf8');
        [held, bytes, from] = [[], 0, end + 1];
      }
      held.push(chunk.subarray(from));
      bytes += chunk.length - from;
      if (bytes > lineBytesMax) throw unreachable(member, `a line of more than ${lineBytesMax} bytes`);
    }
  } finally {
    body.destroy();
  }
}

function parseLine(text: string, member: Member): LogLine {
  const line: unknown = JSON.parse(text);
  if (isRecord(line) && isRecord(line['error'])) {
    const { code, message } = line['error'];
    throw new HybridStoreError(isErrorCode(code) ? code : 'internal', String(message));
  }
  if (checkLine.check<LogLine>(line)) return line;
  throw unreachable(member, `a line that is none: ${checkLine.describe()}`);
}

function describeFailure({ code, message, details }: HybridStoreError, member: Member): HybridStoreError {
  const said = `member ${member.pod} did not read its log (${message})`;
  return new HybridStoreError(code, said, { ...details, member: member.pod });
}

function unreachable(member: Member, reason: string): HybridStoreError {
  return retryLater('unavailable', `member ${member.pod} did not read its log (${reason})`, 1_000, {
    member: member.pod,
  });
}
