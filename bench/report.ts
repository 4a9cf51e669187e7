import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

export type Goal = { readonly what: string; readonly goal: string; readonly got: string; readonly ok: boolean };
/** Figures of one side, by name; durations in ms, rates per second. */
export type Side = { readonly name: string; readonly figures: Readonly<Record<string, number | string>> };
export type Report = {
  readonly name: string;
  readonly ok: boolean;
  readonly goals: readonly Goal[];
  readonly sides: readonly Side[];
  readonly machine: string;
};

export function describeMachine(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${readKernel()}, Node ${process.versions.node}`;
}

function readKernel(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}

export function buildReport(name: string, goals: readonly Goal[], sides: readonly Side[]): Report {
  return { name, ok: goals.every((goal) => goal.ok), goals, sides, machine: describeMachine() };
}

/** What a benchmark prints: the report for people and, with `json`, as one line at the end. */
export function formatOutput(report: Report, { json }: { readonly json: boolean }): string {
  return `${formatReport(report)}\n${json ? `${JSON.stringify(report)}\n` : ''}`;
}

/** Both sides and the goals, for people: names, then figures in one column, right-aligned where they are numbers. */
function formatReport(report: Report): string {
  const lines = [`# ${report.name}`, report.machine, ''];
  for (const side of report.sides) lines.push(side.name, ...formatFigures(side), '');
  const widths = ['what', 'got'].map((key) =>
    Math.max(...report.goals.map((goal) => goal[key as 'what' | 'got'].length)),
  );
  const [what = 0, got = 0] = widths;
  lines.push(
    report.ok ? 'goals: all met' : 'goals: not all met',
    ...report.goals.map(
      (goal) =>
        `  ${goal.ok ? 'met   ' : 'missed'}  ${goal.what.padEnd(what)}  ${goal.got.padEnd(got)}  (goal: ${goal.goal})`,
    ),
  );
  return lines.join('\n');
}

function formatFigures({ figures }: Side): string[] {
  const rows = Object.entries(figures).map(([name, value]) => ({ name, text: formatFigure(value), value }));
  const names = Math.max(...rows.map((row) => row.name.length));
  const texts = Math.max(...rows.filter((row) => typeof row.value === 'number').map((row) => row.text.length), 0);
  return rows.map(
    ({ name, text, value }) => `  ${name.padEnd(names)}  ${typeof value === 'number' ? text.padStart(texts) : text}`,
  );
}

/** Four digits, and thousands apart. */
export function formatFigure(value: number | string): string {
  if (typeof value === 'string') return value;
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)));
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
