import { readFileSync, writeFileSync } from 'node:fs';
import type { Dialect } from '@hybridstore/contracts';
import { readCaseFiles } from './read-cases.ts';
import type { RecordedAnswer } from './reference-server.ts';

export type DialectRecord = ReadonlyMap<string, RecordedAnswer>;

const place = (file: string): URL => new URL(`record/${file}`, import.meta.url);
const separator = '\t';

/** The right values as they were recorded: an expression and, behind a tab, its text as JSON, `null`, or `error`. */
export function readRecord(dialect: Dialect): DialectRecord {
  const lines = [...readCaseFiles(dialect).keys()].flatMap((file) =>
    readFileSync(place(file), 'utf8').trimEnd().split('\n'),
  );
  return new Map(lines.map((line) => readLine(line)));
}

function readLine(line: string): [string, RecordedAnswer] {
  const end = line.lastIndexOf(separator);
  const answer = line.slice(end + 1);
  if (answer === 'error') return [line.slice(0, end), { error: true }];
  return [line.slice(0, end), JSON.parse(answer) as string | null]; // writeRecord writes nothing else
}

export function writeRecord(
  dialect: Dialect,
  expressions: readonly string[],
  answers: readonly RecordedAnswer[],
): void {
  const known = new Map(expressions.map((text, index) => [text, answers[index] ?? null]));
  for (const [file, texts] of readCaseFiles(dialect)) {
    const lines = texts.map((text) => writeLine(text, known.get(text) ?? null));
    writeFileSync(place(file), `${lines.join('\n')}\n`);
  }
}

function writeLine(text: string, answer: RecordedAnswer): string {
  return `${text}${separator}${typeof answer === 'object' && answer !== null ? 'error' : JSON.stringify(answer)}`;
}
