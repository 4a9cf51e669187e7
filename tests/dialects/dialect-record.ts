import { readFileSync, writeFileSync } from 'node:fs';
import type { CaseFile } from './read-cases.ts';
import type { RecordedAnswer } from './reference-server.ts';

export type DialectRecord = ReadonlyMap<string, RecordedAnswer>;

const place = (file: CaseFile): URL => new URL(`record/${file}.txt`, import.meta.url);
const separator = '\t';

/** The right values as they were recorded: an expression and, behind a tab, its text as JSON, `null`, or `error`. */
export function readRecord(file: CaseFile): DialectRecord {
  const lines = readFileSync(place(file), 'utf8').trimEnd().split('\n');
  return new Map(lines.map((line) => readLine(line)));
}

function readLine(line: string): [string, RecordedAnswer] {
  const end = line.lastIndexOf(separator);
  const answer = line.slice(end + 1);
  if (answer === 'error') return [line.slice(0, end), { error: true }];
  return [line.slice(0, end), JSON.parse(answer) as string | null]; // writeRecord writes nothing else
}

export function writeRecord(file: CaseFile, expressions: readonly string[], answers: readonly RecordedAnswer[]): void {
  const lines = expressions.map((text, index) => {
    const answer = answers[index] ?? null;
    return `${text}${separator}${typeof answer === 'object' && answer !== null ? 'error' : JSON.stringify(answer)}`;
  });
  writeFileSync(place(file), `${lines.join('\n')}\n`);
}
