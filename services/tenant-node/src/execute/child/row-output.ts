import type { Statement } from '../messages.ts';
import { csvHead, csvStatement } from './csv-text.ts';
import { type OutputColumn, wrapStatement } from './row-text.ts';
import { type RowOutput, requireCells, requireJson, TextWriter } from './row-writer.ts';

/** `statement` runs as part of another: each with its rows in the form that was asked for. */
export async function outputOf(statement: Statement, columns: readonly OutputColumn[]): Promise<RowOutput> {
  const { text, shape, separator } = statement;
  switch (shape) {
    case 'csv':
      return { text: csvStatement(text, columns), head: csvHead(columns), writer: new TextWriter(requireCells) };
    case 'arrow': {
      // Few children are asked for it, and it takes some memory.
      const { arrowOutput } = await import('./arrow-rows.ts');
      return arrowOutput(text, columns);
    }
    default: {
      const writer = new TextWriter(requireJson, separator === ',' ? 1 : 0);
      return { text: wrapStatement(text, columns, { shape, separator }), writer };
    }
  }
}
