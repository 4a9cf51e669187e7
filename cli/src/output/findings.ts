import { type Paint, plain } from '../io.ts';
import { formatCells } from './table.ts';

export type PrintedPart = {
  readonly kind: string;
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
  readonly withoutChecksum: number;
  readonly damaged: number;
};
export type PrintedFinding = {
  readonly part: string;
  readonly kind: string;
  readonly source?: string;
  readonly file: string;
  readonly problem: string;
  readonly effect: string;
  readonly repair: string;
};

/** What was read, one line each. */
export function formatParts(parts: readonly PrintedPart[], paint: Paint = plain): string {
  const columns = ['KIND', 'PART', 'FILES', 'BYTES', 'UNVERIFIED', 'DAMAGED'];
  const rows = parts.map(({ kind, name, files, bytes, withoutChecksum, damaged }) => [
    kind,
    name,
    String(files),
    String(bytes),
    String(withoutChecksum),
    damaged === 0 ? paint.green('0') : paint.red(String(damaged)),
  ]);
  return formatCells(
    columns.map((name, index) => ({ name, align: index < 2 ? 'left' : 'right' })),
    rows,
    paint,
  );
}

/** Each finding with what it means and what a repair does; sentences do not fit into columns. */
export function formatFindings(findings: readonly PrintedFinding[], paint: Paint = plain): string {
  return findings
    .map(({ part, kind, source, file, problem, effect, repair }) => {
      const where = `${kind} ${part}${source === undefined ? '' : `, source ${source}`}`;
      const line = (name: string, text: string) => `  ${paint.dim(name.padEnd(7))} ${text}`;
      return [
        `${paint.bold(file)} (${where})`,
        line('problem', problem),
        line('effect', effect),
        line('repair', repair),
      ].join('\n');
    })
    .join('\n');
}
