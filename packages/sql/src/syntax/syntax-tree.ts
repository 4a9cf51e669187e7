import { isRecord } from '@hybridstore/runtime';
import type { PreparedText } from './prepared-text.ts';
import { type Position, refuseSql } from './refusal.ts';

/** A node of the parser's tree: an object whose one key is the kind. */
export type SyntaxNode = Readonly<Record<string, unknown>>;

/** Fields that carry spelling, comments or places and no meaning. */
const spelling = new Set([
  'span',
  'inferred_type',
  'quoted',
  'double_quoted',
  'trailing_comments',
  'left_comments',
  'operator_comments',
  'leading_comments',
  'pre_alias_comments',
  'post_select_comments',
  'alias_explicit_as',
  'alias_keyword',
  'original_name',
  'explicit_asc',
  'use_outer_keyword',
  'use_inner_keyword',
  'kind_text',
  'start_side_text',
  'end_side_text',
  'position_explicit',
  'sql_standard_syntax',
  'from_for_syntax',
  'double_colon_syntax',
  'postfix_form',
  'alias_first',
  'bracket_notation',
  'no_parens',
  'use_plural',
  'real_spelling',
  'integer_spelling',
  'materialized',
  'arrow_syntax',
  'hash_arrow_syntax',
  'nested',
  'curly_brace_syntax',
  'use_fetch_keyword',
  'hint',
  'nesting_group',
]);

export function kindOf(node: SyntaxNode): string {
  return Object.keys(node)[0] ?? '';
}

export function isNode(value: unknown): value is SyntaxNode {
  return isRecord(value);
}

/**
 * The fields of one node, each taken at most once. `finish` refuses a node that holds anything nobody took: what the
 * binder does not know must never be dropped, since it may change what the statement means.
 */
export class Fields {
  readonly kind: string;
  readonly node: SyntaxNode;
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #taken = new Set<string>();
  readonly #text: PreparedText;

  constructor(node: SyntaxNode, text: PreparedText, kind = kindOf(node)) {
    const raw = node[kind];
    this.kind = kind;
    this.node = node;
    this.#raw = isNode(raw) ? raw : {};
    this.#text = text;
  }

  /** Fields of an object that is not tagged by a kind. */
  static of(raw: SyntaxNode, kind: string, text: PreparedText): Fields {
    return new Fields({ [kind]: raw }, text, kind);
  }

  value(name: string): unknown {
    this.#taken.add(name);
    return this.#raw[name] ?? undefined;
  }

  optional(name: string): SyntaxNode | undefined {
    const value = this.value(name);
    return isNode(value) ? value : undefined;
  }

  required(name: string): SyntaxNode {
    const value = this.optional(name);
    if (!value) throw this.refuse(`${this.kind} lacks ${name}`);
    return value;
  }

  list(name: string): readonly SyntaxNode[] {
    const value = this.value(name);
    return Array.isArray(value) ? value.filter(isNode) : [];
  }

  flag(name: string): boolean {
    return this.value(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** Text of an identifier field. */
  name(name: string): string | undefined {
    const value = this.optional(name);
    return value && typeof value['name'] === 'string' ? value['name'] : undefined;
  }

  names(name: string): readonly string[] {
    return this.list(name).map((item) => String(item['name'] ?? ''));
  }

  finish(): void {
    for (const [name, value] of Object.entries(this.#raw)) {
      if (this.#taken.has(name) || spelling.has(name) || isEmpty(value)) continue;
      throw this.refuse(`${words(this.kind)} with ${words(name)} is not supported`);
    }
  }

  refuse(message: string, details: Readonly<Record<string, unknown>> = {}) {
    return refuseSql(message, positionOf(this.node, this.#text), details);
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === false || (Array.isArray(value) && value.length === 0);
}

export function words(name: string): string {
  return name.replaceAll('_', ' ').trim().toUpperCase();
}

const searchedMax = 10_000;

/** The place of the first identifier in a node; the parser gives no places to literals and calls. */
export function positionOf(node: unknown, text: PreparedText): Position | undefined {
  const queue: unknown[] = [node];
  for (let searched = 0; queue.length > 0 && searched < searchedMax; searched += 1) {
    const value = queue.shift();
    if (typeof value !== 'object' || value === null) continue;
    if ('span' in value && isNode(value.span) && typeof value.span['start'] === 'number')
      return text.positionOf(value.span['start']);
    queue.push(...Object.values(value));
  }
  return undefined;
}
