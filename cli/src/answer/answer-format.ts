import type { ResultColumn } from '@hybridstore/contracts';
import type { AnswerRow } from './read-answer.ts';

/** Writes an answer part by part; every part gives the text or the bytes that can be written by then. */
export interface AnswerFormat {
  begin(columns: readonly ResultColumn[]): string | Uint8Array;
  rows(rows: readonly AnswerRow[]): string | Uint8Array;
  end(rowCount: number, stats: object): string | Uint8Array;
}

export type TextRules = {
  /** Stands for null; a text that is the same is written in quotes. Absent: what the format has for it. */
  readonly nullText?: string;
};
