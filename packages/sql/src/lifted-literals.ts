import type {
  Dialect,
  LiftedLiteral,
  LiteralNode,
  LogicalPlan,
  PlanExpression,
  PlanParameter,
  PlanRelation,
  SelectBody,
} from '@hybridstore/contracts';
import { integer, type PlanSchemas, PlanTransformer, text, walkQuery } from '@hybridstore/plan';
import { momentLiteral } from './bind/moment-text.ts';
import { readTokens, type Token } from './syntax/lexer.ts';

/**
 * Statements that differ only in values share a plan:
 *
 *   SELECT name FROM customers WHERE id = 17 AND day >= '2026-01-01'
 *                                        ‾‾            ‾‾‾‾‾‾‾‾‾‾‾‾
 * Two readers look at such a literal, and both have to agree. The text alone says that it stands where nothing but a value
 * can stand, as one side of a condition of the outermost WHERE. The bound plan says that it is compared with a column of a
 * type beside which every such literal means the same: then it becomes a parameter of the plan, before anything is done to
 * the plan that could rest on its value. Everything else of the text, other literals too, is part of the statement's shape.
 */
export type LiftableLiteral = { readonly kind: 'number' | 'text'; readonly token: string };

/** What is left of a statement without the literals that may be lifted, which stand beside it in the order of the text. */
export type StatementShape = { readonly key: string; readonly literals: readonly LiftableLiteral[] };

/** Longer statements are not looked at: they are rarely asked again with other values. */
export const shapeCharactersMax = 16_384;
const literalsMax = 64;
const textCharactersMax = 4_096;

const operators: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '<=', '>', '>=']);
const connectives: ReadonlySet<string> = new Set(['and', 'or']);
/** Words behind which a condition may begin. */
const openers: ReadonlySet<string> = new Set(['where', 'and', 'or', 'not']);
const whereEnds: ReadonlySet<string> = new Set([
  'group',
  'having',
  'order',
  'limit',
  'offset',
  'fetch',
  'window',
  'qualify',
]);
const setOperations: ReadonlySet<string> = new Set(['union', 'intersect', 'except', 'minus']);
const queryStarts: ReadonlySet<string> = new Set(['select', 'with', 'values', 'from', 'table']);

/** Undefined for a statement without such a literal, and for one that no lexer reads. */
export function readShape(query: string, dialect: Dialect): StatementShape | undefined {
  if (query.length > shapeCharactersMax) return undefined;
  let tokens: readonly Token[];
  try {
    tokens = readTokens(query, dialect);
  } catch {
    return undefined; // whoever reads the text says what is wrong with it
  }
  const places = findLiterals(tokens);
  if (places.size === 0 || places.size > literalsMax) return undefined;
  const literals: LiftableLiteral[] = [];
  const key = tokens.map((token, place) => {
    const kind = places.get(place);
    if (kind === undefined) return token.text;
    literals.push({ kind, token: token.text });
    return kind === 'number' ? '\0n' : '\0t';
  });
  return { key: key.join(' '), literals };
}

/** Places of tokens that stand as one side of a condition of the outermost WHERE, under nothing but AND, OR, NOT and brackets. */
function findLiterals(tokens: readonly Token[]): ReadonlyMap<number, LiftableLiteral['kind']> {
  const found = new Map<number, LiftableLiteral['kind']>();
  const where = findWhere(tokens);
  if (where === undefined) return found;
  /** Of each open bracket, whether it only groups conditions. */
  const brackets: boolean[] = [];
  for (let place = where + 1; place < tokens.length; place += 1) {
    const word = wordAt(tokens, place);
    if (brackets.length === 0 && (whereEnds.has(word) || word === ';')) break;
    if (word === '(') brackets.push(groupsConditions(tokens, place));
    else if (word === ')') brackets.pop();
    else if (brackets.every(Boolean) && isSideOfCondition(tokens, place)) {
      const kind = kindOfLiteral(tokens[place]);
      if (kind) found.set(place, kind);
    }
  }
  return found;
}

/** Of a statement that is one SELECT. */
function findWhere(tokens: readonly Token[]): number | undefined {
  let [depth, where] = [0, -1];
  for (let place = 0; place < tokens.length; place += 1) {
    const word = wordAt(tokens, place);
    if (word === '(') depth += 1;
    else if (word === ')') depth -= 1;
    else if (depth > 0) continue;
    else if (setOperations.has(word) || (word === 'where' && where >= 0)) return undefined;
    else if (word === 'where') where = place;
  }
  return where < 0 ? undefined : where;
}

function groupsConditions(tokens: readonly Token[], place: number): boolean {
  const before = wordAt(tokens, place - 1);
  return (openers.has(before) || before === '(') && !queryStarts.has(wordAt(tokens, place + 1));
}

/** `column operator literal`, with a name of up to three parts, between what joins conditions. */
function isSideOfCondition(tokens: readonly Token[], place: number): boolean {
  if (!operators.has(wordAt(tokens, place - 1))) return false;
  let name = place - 2;
  if (!isName(tokens[name])) return false;
  for (let parts = 1; parts < 3 && wordAt(tokens, name - 1) === '.' && isName(tokens[name - 2]); parts += 1) name -= 2;
  const before = wordAt(tokens, name - 1);
  const after = wordAt(tokens, place + 1);
  const endsThere = after === '' || after === ')' || after === ';' || connectives.has(after) || whereEnds.has(after);
  return endsThere && (openers.has(before) || before === '(');
}

function isName(token: Token | undefined): boolean {
  return token?.kind === 'word' || token?.kind === 'quoted';
}

/** In lower case; empty beyond the ends. Quoted names and texts are never taken for words. */
function wordAt(tokens: readonly Token[], place: number): string {
  const token = tokens[place];
  if (!token) return '';
  return token.kind === 'word' || token.kind === 'symbol' ? token.text.toLowerCase() : token.kind;
}

const plainNumber = /^(?:0|[1-9]\d{0,14})$/;
/** Without quotes, backslashes and control characters inside: every dialect reads it as it stands. */
const plainText = /^'[^'"\\\p{Cc}]*'$/u;

function kindOfLiteral(token: Token | undefined): LiftableLiteral['kind'] | undefined {
  if (token?.kind === 'number' && plainNumber.test(token.text)) return 'number';
  const isText = token?.kind === 'text' && token.text.length <= textCharactersMax && plainText.test(token.text);
  return isText ? 'text' : undefined;
}

const wholeNumbers: ReadonlySet<string> = new Set(['integer', 'bigint']);
const day = /^\d{4}-\d{2}-\d{2}$/;
const moment = /^\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}:\d{2})?$/;

/**
 * What a literal beside a column of this type is to every binder; undefined where that depends on its value. The one rule
 * for the literal that is lifted and for those that take its place.
 */
function literalBeside(type: string, { kind, token }: LiftableLiteral): LiteralNode | undefined {
  if (kind === 'number') return wholeNumbers.has(type) ? integer(Number(token)) : undefined;
  const content = token.slice(1, -1);
  if (type === 'string') return text(content);
  if (type === 'date' && day.test(content)) {
    const date = momentLiteral(content, 'date');
    return date?.type === 'date' ? date : undefined;
  }
  return type === 'timestamp' && moment.test(content) ? momentLiteral(content, 'timestamp') : undefined;
}

/**
 * The plan of a statement with parameters in place of the literals that may be others. A literal is lifted only where its
 * value stands once in the statement and once in the plan, so that it cannot be taken for another one.
 */
export function liftLiterals(
  plan: LogicalPlan,
  { literals }: StatementShape,
  statement: { readonly query: string; readonly dialect: Dialect; readonly schemas: PlanSchemas },
): { readonly plan: LogicalPlan; readonly lifted: readonly LiftedLiteral[] } {
  const { body } = plan.query;
  if (body.kind !== 'select' || !body.where || plan.parameters.length > 0) return { plan, lifted: [] };
  const typeOf = typesOfScans(body, statement.schemas);
  const counts = countLiterals(plan);
  const written = countTokens(readTokens(statement.query, statement.dialect));
  const lifted: LiftedLiteral[] = [];
  const parameters: PlanParameter[] = [];
  const replaced = new Map<LiteralNode, number>();
  const compared = [...comparedLiterals(body.where)];
  for (const [place, literal] of literals.entries()) {
    if (written.get(literal.token) !== 1) continue;
    for (const { column, node } of compared) {
      const type = typeOf(column);
      const expected = type === undefined ? undefined : literalBeside(type, literal);
      if (!expected || nameOf(expected) !== nameOf(node) || counts.get(nameOf(node)) !== 1) continue;
      replaced.set(node, parameters.length);
      parameters.push({ type: node.type, value: node.value });
      lifted.push({ literal: place, type: type as string }); // `expected` is there only where it is
      break;
    }
  }
  return lifted.length === 0
    ? { plan, lifted }
    : { plan: { ...new LiftedInto(replaced).plan(plan), parameters }, lifted };
}

type Compared = { readonly column: { readonly relation: string; readonly name: string }; readonly node: LiteralNode };

function* comparedLiterals(node: PlanExpression): Generator<Compared> {
  if (node.kind === 'logic') for (const operand of node.operands) yield* comparedLiterals(operand);
  else if (node.kind === 'not') yield* comparedLiterals(node.operand);
  else if (node.kind === 'comparison') {
    const { left, right } = node;
    if (left.kind === 'column' && right.kind === 'literal') yield { column: left, node: right };
  }
}

type Columns = NonNullable<ReturnType<PlanSchemas['get']>>['columns'];

/** Types of the columns of the sources that stand in FROM by themselves. */
function typesOfScans({ from }: SelectBody, schemas: PlanSchemas): (column: Compared['column']) => string | undefined {
  const columns = new Map<string, Columns>();
  const collect = (relation: PlanRelation): void => {
    if (relation.kind === 'scan') columns.set(relation.alias, schemas.get(relation.source)?.columns ?? []);
    if (relation.kind !== 'join') return;
    collect(relation.first);
    for (const step of relation.steps) collect(step.right);
  };
  if (from) collect(from);
  return ({ relation, name }) => {
    return columns.get(relation)?.find((column) => column.name === name)?.type;
  };
}

function nameOf({ type, value }: LiteralNode): string {
  return JSON.stringify([type, value]);
}

function countLiterals(plan: LogicalPlan): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  walkQuery(plan.query, {
    expression: (node) => {
      if (node.kind === 'literal') counts.set(nameOf(node), (counts.get(nameOf(node)) ?? 0) + 1);
    },
  });
  return counts;
}

function countTokens(tokens: readonly Token[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of tokens) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

class LiftedInto extends PlanTransformer {
  readonly #places: ReadonlyMap<LiteralNode, number>;

  constructor(places: ReadonlyMap<LiteralNode, number>) {
    super();
    this.#places = places;
  }

  override expression(expression: PlanExpression): PlanExpression {
    const index = expression.kind === 'literal' ? this.#places.get(expression) : undefined;
    return index === undefined ? super.expression(expression) : { kind: 'parameter', index };
  }
}

/**
 * What another statement of the same shape writes where literals were lifted; undefined where one of them is none that
 * could stand there, and the statement has to be read.
 */
export function literalsOf(
  shape: StatementShape,
  lifted: readonly LiftedLiteral[],
): readonly LiteralNode[] | undefined {
  const nodes: LiteralNode[] = [];
  for (const { literal, type } of lifted) {
    const written = shape.literals[literal];
    const node = written && literalBeside(type, written);
    if (!node) return undefined;
    nodes.push(node);
  }
  return nodes;
}

/** The plan that reading the statement itself would give: literals in the places of its parameters. */
export function withLiterals(plan: LogicalPlan, literals: readonly LiteralNode[]): LogicalPlan {
  return { ...new Written(literals).plan(plan), parameters: [] };
}

class Written extends PlanTransformer {
  readonly #literals: readonly LiteralNode[];

  constructor(literals: readonly LiteralNode[]) {
    super();
    this.#literals = literals;
  }

  override expression(expression: PlanExpression): PlanExpression {
    const literal = expression.kind === 'parameter' ? this.#literals[expression.index] : undefined;
    return literal ?? super.expression(expression);
  }
}
