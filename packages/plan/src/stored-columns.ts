import type { PlanExpression, PlanQuery, QueryBody, SelectBody } from '@hybridstore/contracts';
import type { PrintedNames } from './printed-names.ts';
import { quoteName } from './quoted-text.ts';
import { walkQuery } from './walk-plan.ts';

/**
 * How a column lies in files and in memory where that is another type than its own: a time with a zone, a decimal of 38
 * digits, a document as text. The engine's view gives the column's own type, by an expression that hides it from what the
 * engine knows about the stored one: the bounds of its row groups, and that a document need not be read to be counted.
 */
export type StoredForm =
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'json' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };

/** Of a column of a source; undefined: it is stored as what it is. */
export type StoredForms = (source: string, column: string) => StoredForm | undefined;

/** A column that a text reads as it is stored, by the alias of its scan; `as` is its name in the text. */
export type StoredColumn = { readonly scan: string; readonly column: string; readonly as: string };

/** `text` stands for the column in an expression. */
type Stored = { readonly text: string; readonly form: StoredForm };
type ColumnNode = Extract<PlanExpression, { readonly kind: 'column' }>;

/**
 * Where a text may read a column as it is stored, with the same answer:
 *
 *   ORDER BY at LIMIT 10       the order of both is one               ORDER BY stored
 *   MIN(at), MAX(price)        the same, restored behind it           restore(MIN(stored))
 *   COUNT(doc), doc IS NULL    NULL is NULL                           COUNT(stored)
 *   doc->>'$.a'                a document's text is what is read      json_extract_string(stored, …)
 *
 * Everywhere else the column itself stands. Which columns were asked for, and by what name, is remembered for the views.
 */
export class StoredColumns {
  readonly #forms: StoredForms;
  readonly #names: PrintedNames;
  readonly #sources = new Map<string, string>();
  /** A statement that groups by a column sees only that, and nothing that lies beside it. */
  readonly #grouped = new Set<string>();
  readonly #asked = new Map<string, StoredColumn>();

  constructor(query: PlanQuery, forms: StoredForms, names: PrintedNames) {
    this.#forms = forms;
    this.#names = names;
    walkQuery(query, {
      // Aliases are unique in a plan.
      relation: (node) => void (node.kind === 'scan' && this.#sources.set(node.alias, node.source)),
      query: ({ body }) => this.#noteGroups(body),
    });
  }

  get asked(): readonly StoredColumn[] {
    return [...this.#asked.values()];
  }

  /** Of the key of an order, where the rows that it orders are those of the FROM itself. */
  orderKey(value: PlanExpression, body: QueryBody): string | undefined {
    if (body.kind !== 'select' || body.distinct || body.groupBy) return undefined;
    const column = value.kind === 'output' ? body.projections[value.index]?.value : value;
    return column?.kind === 'column' ? this.#find(column, ['timestamp', 'decimal'])?.text : undefined;
  }

  /** Of the one argument of MIN or MAX, and what gives the result the column's own type. */
  extreme(value: PlanExpression | undefined): { readonly text: string; restore(text: string): string } | undefined {
    const found = value?.kind === 'column' ? this.#find(value, ['timestamp', 'decimal']) : undefined;
    return found && { text: found.text, restore: (text) => restored(text, found.form) };
  }

  counted(value: PlanExpression | undefined): string | undefined {
    return value?.kind === 'column' ? this.#find(value, ['timestamp', 'decimal', 'json'])?.text : undefined;
  }

  /** Of what is asked whether it is NULL. */
  nullTested(value: PlanExpression): string | undefined {
    return this.#ungrouped(value, ['timestamp', 'decimal', 'json']);
  }

  /** Of the document that a path is looked up in. */
  document(value: PlanExpression): string | undefined {
    return this.#ungrouped(value, ['json']);
  }

  #ungrouped(value: PlanExpression, kinds: readonly StoredForm['kind'][]): string | undefined {
    if (value.kind !== 'column' || this.#grouped.has(keyOf(value))) return undefined;
    return this.#find(value, kinds)?.text;
  }

  #find(node: ColumnNode, kinds: readonly StoredForm['kind'][]): Stored | undefined {
    const source = this.#sources.get(node.relation);
    const form = source === undefined ? undefined : this.#forms(source, node.name);
    if (!form || !kinds.includes(form.kind)) return undefined;
    const as = this.#names.stored(node.name);
    this.#asked.set(keyOf(node), { scan: node.relation, column: node.name, as });
    return { text: `${quoteName(this.#names.relation(node.relation))}.${quoteName(as)}`, form };
  }

  #noteGroups(body: QueryBody): void {
    if (body.kind === 'select')
      for (const key of groupKeys(body)) if (key.kind === 'column') this.#grouped.add(keyOf(key));
    if (body.kind === 'set_operation') for (const input of body.inputs) this.#noteGroups(input);
  }
}

function keyOf({ relation, name }: ColumnNode): string {
  return JSON.stringify([relation, name]);
}

function groupKeys({ groupBy }: SelectBody): readonly PlanExpression[] {
  return (groupBy ?? []).flatMap((element) => (element.kind === 'key' ? [element.value] : element.sets.flat()));
}

/** As the engine's views do it. */
function restored(text: string, form: StoredForm): string {
  if (form.kind === 'timestamp') return `make_timestamp(epoch_us(${text}))`;
  return form.kind === 'decimal' ? `CAST(${text} AS DECIMAL(${form.precision}, ${form.scale}))` : text;
}
