import { formatFigure, type Report, type Side } from './report.ts';

/** A section of the page: what is measured, the goals, and the figures of all sides, of one run. */
export function describeReport(report: Report, prose: string): string {
  const goals = [
    '| goal | | measured | |',
    '| --- | --- | --- | --- |',
    ...report.goals.map(({ what, goal, got, ok }) => row([what, goal, got, ok ? 'met' : 'missed'])),
  ];
  return [`## ${report.name}`, prose, `On ${report.machine}.`, goals.join('\n'), ...figureTables(report.sides)]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** One table with a column for each side where they share most of their figures, else one table for each. */
function figureTables(sides: readonly Side[]): readonly string[] {
  const names = [...new Set(sides.flatMap(({ figures }) => Object.keys(figures)))];
  const cells = sides.reduce((sum, { figures }) => sum + Object.keys(figures).length, 0);
  if (cells * 2 > names.length * sides.length) return [tableOf(sides, names)];
  return sides.map((side) => tableOf([side], Object.keys(side.figures)));
}

/** The longer side of the table goes downward. */
function tableOf(sides: readonly Side[], names: readonly string[]): string {
  const figure = (side: Side, name: string) => {
    const value = side.figures[name];
    return value === undefined ? '–' : formatFigure(value);
  };
  if (sides.length > names.length)
    return table(
      names,
      sides.map((side) => [side.name, ...names.map((name) => figure(side, name))]),
    );
  return table(
    sides.map(({ name }) => name),
    names.map((name) => [name, ...sides.map((side) => figure(side, name))]),
  );
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(['', ...columns]), row(['---', ...columns.map(() => '---')]), ...rows.map(row)].join('\n');
}

/** A bar inside of a cell would begin the next one. */
function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`.replaceAll('|  |', '| |');
}

/** `page` with these sections in place of those of their name; the others stay, and new ones stand by the alphabet. */
export function replaceSections(page: string, sections: ReadonlyMap<string, string>): string {
  const [intro = '', ...present] = page.trimEnd().split(/\n+(?=## )/);
  const all = new Map(present.map((text) => [nameOf(text), text]));
  for (const [name, text] of sections) all.set(name, text.trim());
  const sorted = [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
  return `${[intro, ...sorted].join('\n\n')}\n`;
}

function nameOf(section: string): string {
  return section.slice('## '.length).split('\n', 1)[0]?.trim() ?? '';
}
