import { spawnSync } from 'node:child_process';

/** Text of a value, null for NULL, `error` where the engine refuses or fails. */
export type RecordedAnswer = string | null | { readonly error: true };

export interface ReferenceServer {
  /** One answer for each expression, in order. */
  answer(expressions: readonly string[]): readonly RecordedAnswer[];
  stop(): Promise<void>;
}

const answerBytesMax = 64 * 1024 * 1024;
const clientMsMax = 300_000;

/** Feeds a client of the server with statements, of which it leaves out those that fail. */
export function askClient(command: string, options: readonly string[], statements: string): string {
  const ran = spawnSync(command, options, {
    input: statements,
    encoding: 'utf8',
    maxBuffer: answerBytesMax,
    timeout: clientMsMax,
  });
  if (ran.error) throw ran.error;
  return ran.stdout;
}

/** Lines of a place and the bytes of a text in hexadecimal digits, or NULL; what has no line has failed. */
export function readAnswers(lines: string, count: number): readonly RecordedAnswer[] {
  const answers: RecordedAnswer[] = Array.from({ length: count }, () => ({ error: true }));
  for (const line of lines.split('\n')) {
    const [place = '', digits = ''] = line.split('\t');
    if (!/^\d+$/.test(place)) continue;
    answers[Number(place)] = digits === 'NULL' ? null : Buffer.from(digits, 'hex').toString('utf8');
  }
  return answers;
}
