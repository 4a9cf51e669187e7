import type {
  LogicalPlan,
  PlanParameter,
  PlanQuery,
  PlanRelation,
  QueryBody,
  SelectBody,
} from '@hybridstore/contracts';
import { assertNever } from './assert-never.ts';
import { printDuckdbExpression } from './duckdb-printer.ts';

/** A plan as an indented tree, one node a line, for people and golden tests. Expressions are in DuckDB's words. */
export function printTree(plan: LogicalPlan): string {
  const printer = new TreePrinter(plan.parameters);
  printer.query(plan.query, 0);
  for (const [index, parameter] of plan.parameters.entries()) {
    printer.line(0, `parameter $${index + 1}: ${parameter.type} = ${JSON.stringify(parameter.value)}`);
  }
  return printer.lines.join('\n');
}

class TreePrinter {
  readonly lines: string[] = [];
  readonly #parameters: readonly PlanParameter[];

  constructor(parameters: readonly PlanParameter[]) {
    this.#parameters = parameters;
  }

  line(depth: number, content: string): void {
    this.lines.push(`${'  '.repeat(depth)}${content}`);
  }

  text(expression: Parameters<typeof printDuckdbExpression>[0]): string {
    return printDuckdbExpression(expression, this.#parameters);
  }

  query(query: PlanQuery, depth: number): void {
    for (const entry of query.with?.entries ?? []) {
      const columns = entry.columns ? `(${entry.columns.join(', ')})` : '';
      this.line(depth, `with ${query.with?.recursive ? 'recursive ' : ''}${entry.name}${columns}`);
      this.query(entry.query, depth + 1);
    }
    let inner = depth;
    if (query.limit || query.offset) {
      const limit = query.limit ? ` ${this.text(query.limit)}` : '';
      const offset = query.offset ? ` offset ${this.text(query.offset)}` : '';
      this.line(inner++, `limit${limit}${offset}`);
    }
    if (query.orderBy && query.orderBy.length > 0) {
      const keys = query.orderBy.map((key) => {
        const value = key.value.kind === 'output' ? `output ${key.value.index + 1}` : this.text(key.value);
        return `${value} ${key.direction} nulls ${key.nulls}`;
      });
      this.line(inner++, `order by ${keys.join(', ')}`);
    }
    this.body(query.body, inner);
  }

  body(body: QueryBody, depth: number): void {
    switch (body.kind) {
      case 'query':
        this.query(body, depth);
        return;
      case 'values':
        this.line(depth, `values (${body.names.join(', ')})`);
        for (const row of body.rows) this.line(depth + 1, row.map((item) => this.text(item)).join(', '));
        return;
      case 'set_operation':
        this.line(depth, `${body.operator}${body.all ? ' all' : ''}`);
        for (const input of body.inputs) this.body(input, depth + 1);
        return;
      case 'select':
        this.select(body, depth);
        return;
      default:
        assertNever(body);
    }
  }

  select(select: SelectBody, depth: number): void {
    const distinct =
      select.distinct === undefined
        ? ''
        : select.distinct.kind === 'rows'
          ? ' distinct'
          : ` distinct on (${select.distinct.keys.map((key) => this.text(key)).join(', ')})`;
    this.line(depth, `select${distinct}`);
    for (const { name, value } of select.projections) this.line(depth + 1, `${name} := ${this.text(value)}`);
    if (select.qualify) this.line(depth + 1, `qualify ${this.text(select.qualify)}`);
    if (select.having) this.line(depth + 1, `having ${this.text(select.having)}`);
    if (select.groupBy)
      this.line(depth + 1, `group by ${select.groupBy.map((item) => this.grouping(item)).join(', ')}`);
    if (select.where) this.line(depth + 1, `where ${this.text(select.where)}`);
    if (select.from) this.relation(select.from, depth + 1);
  }

  grouping(element: NonNullable<SelectBody['groupBy']>[number]): string {
    if (element.kind === 'key') return this.text(element.value);
    return `${element.kind} (${element.sets.map((set) => `(${set.map((item) => this.text(item)).join(', ')})`).join(', ')})`;
  }

  relation(relation: PlanRelation, depth: number): void {
    switch (relation.kind) {
      case 'scan':
        this.line(depth, `scan ${relation.source} as ${relation.alias} (${relation.columns.join(', ')})`);
        return;
      case 'cte':
        this.line(depth, `cte ${relation.name} as ${relation.alias}`);
        return;
      case 'unnest':
        this.line(depth, `unnest ${this.text(relation.value)} as ${relation.alias}(${relation.column})`);
        return;
      case 'series':
        this.line(
          depth,
          `series ${this.text(relation.start)} .. ${this.text(relation.stop)} as ${relation.alias}(${relation.column})`,
        );
        return;
      case 'derived':
        this.line(depth, `${relation.lateral ? 'lateral ' : ''}derived ${relation.alias}`);
        this.query(relation.query, depth + 1);
        return;
      case 'join':
        this.line(depth, 'join');
        this.relation(relation.first, depth + 1);
        for (const step of relation.steps) {
          const condition = step.on
            ? ` on ${this.text(step.on)}`
            : step.using
              ? ` using (${step.using.join(', ')})`
              : '';
          this.line(depth + 1, `${step.type}${condition}`);
          this.relation(step.right, depth + 2);
        }
        return;
      default:
        assertNever(relation);
    }
  }
}
