import type {
  FrameBound,
  GroupingElement,
  JoinStep,
  LogicalPlan,
  PlanExpression,
  PlanQuery,
  PlanRelation,
  QueryBody,
  SelectBody,
  SortKey,
  WindowSpecification,
} from '@hybridstore/contracts';
import { assertNever } from './assert-never.ts';

/**
 * Rebuilds a plan bottom-up. A rewrite overrides the one method of its node and calls `super` for the children; a walk
 * overrides a method, looks, and returns what it got. Order of visits: `with` and `from` before what uses their names,
 * the rest clause by clause as it is written.
 */
export class PlanTransformer {
  plan(plan: LogicalPlan): LogicalPlan {
    return { ...plan, query: this.query(plan.query) };
  }

  query(query: PlanQuery): PlanQuery {
    return {
      kind: 'query',
      ...(query.with
        ? {
            with: {
              recursive: query.with.recursive,
              entries: query.with.entries.map((entry) => ({ ...entry, query: this.query(entry.query) })),
            },
          }
        : {}),
      body: this.body(query.body),
      ...(query.orderBy ? { orderBy: this.sortKeys(query.orderBy) } : {}),
      ...(query.limit ? { limit: this.expression(query.limit) } : {}),
      ...(query.offset ? { offset: this.expression(query.offset) } : {}),
    };
  }

  body(body: QueryBody): QueryBody {
    switch (body.kind) {
      case 'query':
        return this.query(body);
      case 'select':
        return this.select(body);
      case 'set_operation':
        return { ...body, inputs: body.inputs.map((input) => this.body(input)) };
      case 'values':
        return { ...body, rows: body.rows.map((row) => this.expressions(row)) };
      default:
        return assertNever(body);
    }
  }

  select(select: SelectBody): SelectBody {
    const from = select.from ? { from: this.relation(select.from) } : {};
    return {
      kind: 'select',
      ...(select.distinct
        ? {
            distinct:
              select.distinct.kind === 'on'
                ? { kind: 'on', keys: this.expressions(select.distinct.keys) }
                : select.distinct,
          }
        : {}),
      projections: select.projections.map(({ name, value }) => ({ name, value: this.expression(value) })),
      ...from,
      ...(select.where ? { where: this.expression(select.where) } : {}),
      ...(select.groupBy ? { groupBy: select.groupBy.map((element) => this.grouping(element)) } : {}),
      ...(select.having ? { having: this.expression(select.having) } : {}),
      ...(select.qualify ? { qualify: this.expression(select.qualify) } : {}),
    };
  }

  grouping(element: GroupingElement): GroupingElement {
    return element.kind === 'key'
      ? { kind: 'key', value: this.expression(element.value) }
      : { kind: element.kind, sets: element.sets.map((set) => this.expressions(set)) };
  }

  relation(relation: PlanRelation): PlanRelation {
    switch (relation.kind) {
      case 'scan':
      case 'cte':
        return relation;
      case 'derived':
        return { ...relation, query: this.query(relation.query) };
      case 'unnest':
        return { ...relation, value: this.expression(relation.value) };
      case 'series':
        return {
          ...relation,
          start: this.expression(relation.start),
          stop: this.expression(relation.stop),
          ...(relation.step ? { step: this.expression(relation.step) } : {}),
        };
      case 'join':
        return {
          kind: 'join',
          first: this.relation(relation.first),
          steps: relation.steps.map((step) => this.joinStep(step)),
        };
      default:
        return assertNever(relation);
    }
  }

  joinStep(step: JoinStep): JoinStep {
    return { ...step, right: this.relation(step.right), ...(step.on ? { on: this.expression(step.on) } : {}) };
  }

  expressions(expressions: readonly PlanExpression[]): readonly PlanExpression[] {
    return expressions.map((expression) => this.expression(expression));
  }

  sortKeys(keys: readonly SortKey[]): readonly SortKey[] {
    return keys.map((key) => ({ ...key, value: this.expression(key.value) }));
  }

  window(window: WindowSpecification): WindowSpecification {
    return {
      partitionBy: this.expressions(window.partitionBy),
      orderBy: this.sortKeys(window.orderBy),
      ...(window.frame
        ? {
            frame: {
              ...window.frame,
              start: this.frameBound(window.frame.start),
              end: this.frameBound(window.frame.end),
            },
          }
        : {}),
    };
  }

  frameBound(bound: FrameBound): FrameBound {
    return 'value' in bound ? { kind: bound.kind, value: this.expression(bound.value) } : bound;
  }

  expression(node: PlanExpression): PlanExpression {
    switch (node.kind) {
      case 'column':
      case 'output':
      case 'literal':
      case 'parameter':
        return node;
      case 'logic':
      case 'arithmetic':
      case 'concat':
        return { ...node, operands: this.expressions(node.operands) };
      case 'not':
        return { ...node, operand: this.expression(node.operand) };
      case 'comparison':
        return { ...node, left: this.expression(node.left), right: this.expression(node.right) };
      case 'call':
        return {
          ...node,
          arguments: this.expressions(node.arguments),
          ...(node.filter ? { filter: this.expression(node.filter) } : {}),
          ...(node.orderBy ? { orderBy: this.sortKeys(node.orderBy) } : {}),
          ...(node.over ? { over: this.window(node.over) } : {}),
        };
      case 'case':
        return {
          kind: 'case',
          ...(node.operand ? { operand: this.expression(node.operand) } : {}),
          branches: node.branches.map(({ when, result }) => ({
            when: this.expression(when),
            result: this.expression(result),
          })),
          ...(node.otherwise ? { otherwise: this.expression(node.otherwise) } : {}),
        };
      case 'cast':
      case 'is_null':
      case 'is_boolean':
      case 'json_path':
      case 'interval':
      case 'extract':
      case 'field':
        return { ...node, value: this.expression(node.value) };
      case 'between':
        return {
          ...node,
          value: this.expression(node.value),
          low: this.expression(node.low),
          high: this.expression(node.high),
        };
      case 'in':
        return { ...node, value: this.expression(node.value), list: this.expressions(node.list) };
      case 'in_query':
        return { ...node, values: this.expressions(node.values), query: this.query(node.query) };
      case 'exists':
      case 'subquery':
        return { ...node, query: this.query(node.query) };
      case 'quantified':
        return { ...node, value: this.expression(node.value), query: this.query(node.query) };
      case 'like':
        return { ...node, value: this.expression(node.value), pattern: this.expression(node.pattern) };
      case 'array':
      case 'row':
        return { ...node, items: this.expressions(node.items) };
      case 'struct':
        return {
          kind: 'struct',
          fields: node.fields.map(({ name, value }) => ({ name, value: this.expression(value) })),
        };
      case 'element':
        return { ...node, value: this.expression(node.value), index: this.expression(node.index) };
      default:
        return assertNever(node);
    }
  }
}
