import { type PlanExpression, type Warning, type WarningCode, warningCharactersMax } from '@hybridstore/contracts';
import { walkExpression } from '@hybridstore/plan';

const namesMax = 8;
const nameCharactersMax = 64;

/** Those of a write's and of an answer's circumstances are found elsewhere. */
type BindWarningCode = Exclude<WarningCode, 'too_many_partitions' | 'answered_without_node'>;
/** What is said of a kind of value, with the columns whose values it is about. */
const sentences: Readonly<Record<BindWarningCode, (of: string) => string>> = {
  binary_text_comparison: (of) =>
    `texts${of} are compared byte by byte, where MySQL may ignore case and accents; declare a collation of the column, or write COLLATE`,
  text_read_as_number: (of) =>
    `texts${of} are read as the numbers that they begin with, and count as 0 where they begin with none, as in MySQL`,
  text_read_as_date: (of) => `texts${of} that are no dates, YYYY-MM-DD, are read as NULL, as in MySQL`,
  value_out_of_range: (of) =>
    `values${of} that their type cannot hold are read as the nearest one that it can, as in MySQL`,
};

/** What binding a statement finds out that its rows do not show: one sentence for each kind, with the columns it is about. */
export class BindWarnings {
  readonly #names = new Map<BindWarningCode, Set<string>>();

  get list(): readonly Warning[] {
    return [...this.#names].map(([code, names]) => ({
      code,
      message: sentences[code](describeColumns([...names])).slice(0, warningCharactersMax),
    }));
  }

  /** A value of rows that is read leniently. */
  addValue(code: BindWarningCode, value: PlanExpression): void {
    const names = this.#of(code);
    walkExpression(value, { expression: (node) => void (node.kind === 'column' && names.add(node.name)) });
  }

  addComparisons(columns: readonly string[]): void {
    if (columns.length === 0) return;
    const names = this.#of('binary_text_comparison');
    for (const name of columns) names.add(name);
  }

  #of(code: BindWarningCode): Set<string> {
    const names = this.#names.get(code) ?? new Set<string>();
    this.#names.set(code, names);
    return names;
  }
}

function describeColumns(names: readonly string[]): string {
  if (names.length === 0) return '';
  const shown = names
    .slice(0, namesMax)
    .map((name) => name.slice(0, nameCharactersMax))
    .join(', ');
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : '';
  return ` of ${shown}${more}`;
}
