import type { Dialect } from '@hybridstore/contracts';
import type { Random } from './random.ts';

const scalars = ['upper', 'length', 'abs', 'coalesce', 'md5', 'hash', 'typeof', 'concat', 'to_json', 'greatest'];
const forbidden = [
  "getenv('HOME')",
  "current_setting('allowed_directories')",
  'current_database()',
  "(SELECT content FROM read_text('/etc/passwd'))",
  "query('SELECT 1')",
  "query_table(['hr'])",
  "nextval('x')",
  'version()',
  'pg_backend_pid()',
];

/**
 * Statements as an attacker writes them: most are sound in their shape, so that they come far, and hold somewhere a name
 * that is a path, a function, a table of the engine, or a quote that ends too early. Recursive ones end by themselves.
 */
export class StatementGrammar {
  readonly #random: Random;
  readonly #dialect: Dialect;
  readonly #names: readonly string[];
  readonly #readable: readonly { readonly table: string; readonly columns: readonly string[] }[];

  constructor(options: {
    readonly random: Random;
    readonly dialect: Dialect;
    readonly names: readonly string[];
    readonly readable: StatementGrammar['readableTables'];
  }) {
    this.#random = options.random;
    this.#dialect = options.dialect;
    this.#names = options.names;
    this.#readable = options.readable;
  }

  get readableTables(): readonly { readonly table: string; readonly columns: readonly string[] }[] {
    return this.#readable;
  }

  statement(): string {
    const text = this.#query(3, []);
    const comment = this.#random.chance(15) ? this.#comment() : '';
    return `${comment}${text}${this.#random.chance(5) ? ';' : ''}`;
  }

  #query(depth: number, outer: readonly string[]): string {
    if (depth <= 0 || this.#random.chance(45)) return this.#body(depth, outer);
    const isRecursive = this.#random.chance(60);
    const names = [...outer];
    const entries = this.#random.list(1, 3, () => {
      const name = this.#name();
      const entry = isRecursive ? this.#recursive(name, depth, names) : this.#entry(name, depth, names);
      names.push(name);
      return entry;
    });
    return `WITH ${isRecursive ? 'RECURSIVE ' : ''}${entries.join(', ')} ${this.#body(depth, names)}`;
  }

  #entry(name: string, depth: number, names: readonly string[]): string {
    const columns = this.#random.chance(30) ? `(${this.#quote(this.#name())})` : '';
    return `${this.#quote(name)}${columns} AS (${this.#query(depth - 1, this.#random.chance(15) ? [...names, name] : names)})`;
  }

  /** Self-references in every arm of unions of every shape, most of them where no engine knows the name. */
  #recursive(name: string, depth: number, names: readonly string[]): string {
    const self = this.#quote(name);
    const column = this.#quote(this.#name());
    const base = this.#random.pick([`SELECT 1`, `SELECT ''`, `SELECT 1 AS ${column}`]);
    const step = `SELECT ${column} FROM ${self} WHERE ${column} < 3`;
    const inner = this.#query(depth - 1, [...names, name]);
    const arms = this.#random.pick([
      [base, step],
      [base, step, base],
      [step, base],
      [step],
      [base, `SELECT ${column} FROM (SELECT * FROM ${self}) AS t WHERE ${column} < 3`],
      [base, inner],
      [inner, base],
      [`(WITH ${self}(${column}) AS (${base}) ${step})`, base],
    ]);
    const word = this.#random.pick([' UNION ', ' UNION ALL ', ' UNION ', ' EXCEPT ', ' INTERSECT ']);
    const text = arms.join(arms.length === 2 && word.trim() === 'UNION ALL' ? ' UNION ' : word);
    return `${self}(${column}) AS (${this.#random.chance(10) ? `(${text})` : text})`;
  }

  #body(depth: number, names: readonly string[]): string {
    if (this.#random.chance(12) && depth > 0) {
      const word = this.#random.pick(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT']);
      return `${this.#select(depth - 1, names)} ${word} ${this.#select(depth - 1, names)}`;
    }
    if (this.#random.chance(4)) return `(${this.#query(depth - 1, names)})`;
    if (this.#random.chance(3)) return `VALUES (1, 'a')`;
    return this.#select(depth, names);
  }

  #select(depth: number, names: readonly string[]): string {
    const from = this.#from(depth, names);
    const items = this.#random.chance(45)
      ? '*'
      : this.#random.list(1, 3, () => `${this.#expression(depth, names)}${this.#as()}`).join(', ');
    const where = this.#random.chance(25) ? ` WHERE ${this.#expression(depth, names)} IS NOT NULL` : '';
    const tail = this.#random.pick(['', '', '', ' ORDER BY 1', ' LIMIT 2', ' ORDER BY 1 LIMIT 3 OFFSET 1']);
    return `SELECT ${this.#random.chance(8) ? 'DISTINCT ' : ''}${this.#gap()}${items}${from}${where}${tail}`;
  }

  #from(depth: number, names: readonly string[]): string {
    if (this.#random.chance(8)) return '';
    const relations = this.#random.list(1, 2, () => this.#relation(depth, names));
    const using = ` USING (${this.#quote(this.#name())})`;
    const join = this.#random.pick([', ', ' CROSS JOIN ', ` JOIN `]);
    const tail = join === ' JOIN ' && relations.length > 1 ? this.#random.pick([' ON true', using, ' ON 1 = 1']) : '';
    return ` FROM${this.#gap()}${relations.join(join)}${tail}`;
  }

  #relation(depth: number, names: readonly string[]): string {
    const draw = this.#random.below(100);
    const readable = this.#random.pick(this.#readable).table;
    if (draw < 35) return `${readable}${this.#as()}`;
    if (draw < 65 && names.length > 0) return `${this.#quote(this.#random.pick(names))}${this.#as()}`;
    if (draw < 75) return `${this.#quote(this.#name())}${this.#as()}`;
    if (draw < 85 && depth > 0) return `(${this.#query(depth - 1, names)}) AS ${this.#quote(this.#name())}`;
    if (draw < 90) return `generate_series(1, 2) AS ${this.#quote(this.#name())}`;
    if (draw < 94)
      return `${this.#random.pick(['read_parquet', 'glob', 'read_text', 'parquet_scan', 'sniff_csv'])}('${this.#random.pick(this.#names).replaceAll("'", "''")}')`;
    if (draw < 97) return `${this.#quote(this.#name())}.${this.#quote(this.#name())}`;
    return `LATERAL (SELECT ${this.#quote(this.#name())}) AS ${this.#quote(this.#name())}`;
  }

  #expression(depth: number, names: readonly string[]): string {
    const draw = this.#random.below(100);
    const column = this.#random.pick(this.#random.pick(this.#readable).columns);
    if (draw < 35) return column;
    if (draw < 50) return this.#quote(this.#name());
    if (draw < 58) return `${this.#quote(this.#name())}.${this.#quote(this.#name())}`;
    if (draw < 70) return `${this.#random.pick(scalars)}(${this.#expression(depth - 1, names)})`;
    if (draw < 75) return this.#random.pick(forbidden);
    if (draw < 82 && depth > 0) return `(${this.#query(depth - 1, names)} LIMIT 1)`;
    if (draw < 86) return 'count(*)';
    if (draw < 92) return this.#text(this.#random.pick(this.#names));
    return String(this.#random.below(100));
  }

  #as(): string {
    if (this.#random.chance(40)) return '';
    return ` ${this.#random.chance(70) ? 'AS ' : ''}${this.#quote(this.#name())}`;
  }

  #name(): string {
    return this.#random.chance(45) ? this.#random.pick(['a', 'b', 'c', 'n', 'id']) : this.#random.pick(this.#names);
  }

  /** Quoted as the dialect wants it; now and then as another one does, or not at all. */
  #quote(name: string): string {
    const draw = this.#random.below(100);
    if (draw < 4) return name;
    if (draw < 7) return this.#text(name);
    const isBacktick = this.#dialect === 'mysql' ? draw < 97 : draw >= 97;
    return isBacktick ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`;
  }

  #text(value: string): string {
    return this.#random.chance(90) ? `'${value.replaceAll("'", "''")}'` : `$$${value}$$`;
  }

  #gap(): string {
    return this.#random.chance(8) ? this.#comment() : ' ';
  }

  #comment(): string {
    const text = this.#random.pick(['x', "'", '"', '*', '/*', 'SELECT * FROM hr', '!50000 UNION SELECT * FROM hr ']);
    return this.#random.pick([` /*${text.replaceAll('*/', '')}*/ `, ` --${text}\n`, ` #${text}\n`, `/*!${text}*/`]);
  }
}
