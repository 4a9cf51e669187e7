import { isRecord } from '@hybridstore/runtime';
import { reasonToIgnore } from './ignored-fields.ts';
import type { PreparedText } from './prepared-text.ts';
import { type Position, refuseSql } from './refusal.ts';

/** A node of the parser's tree: an object whose one key is the kind. */
export type SyntaxNode = Readonly<Record<string, unknown>>;

export function kindOf(node: SyntaxNode): string {
  return Object.keys(node)[0] ?? '';
}

export function isNode(value: unknown): value is SyntaxNode {
  return isRecord(value);
}

/**
 * The fields of one node. Each is read, ignored for a reason, or refused: what the binder does not know must never be
 * dropped, since it may change what the statement means. So whoever reads a node ends with `finish`, which refuses every
 * field that holds anything and that no rule named, and a field that is read must have the form in which it is read.
 *
 *     fields.required('this')                    read
 *     fields.ignore('all', 'the default here')   ignored, as are the fields of `ignored-fields.ts`
 *     fields.refuseField('hints')                refused when it holds anything; so is all the rest, by `finish`
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

  /** As it is; who calls this checks what it holds. */
  value(name: string): unknown {
    this.#taken.add(name);
    return this.#raw[name] ?? undefined;
  }

  optional(name: string): SyntaxNode | undefined {
    const value = this.value(name);
    if (value === undefined || isNode(value)) return value;
    throw this.#unreadable(name);
  }

  required(name: string): SyntaxNode {
    const value = this.optional(name);
    if (!value) throw this.refuse(`${this.kind} lacks ${name}`);
    return value;
  }

  list(name: string): readonly SyntaxNode[] {
    const value = this.value(name) ?? [];
    if (!Array.isArray(value) || !value.every(isNode)) throw this.#unreadable(name);
    return value;
  }

  flag(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value !== 'boolean') throw this.#unreadable(name);
    return value;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#unreadable(name);
  }

  texts(name: string): readonly string[] {
    const value = this.value(name) ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw this.#unreadable(name);
    return value;
  }

  /** Text of an identifier field. */
  name(name: string): string | undefined {
    const value = this.optional(name);
    return value && this.#identifier(value);
  }

  names(name: string): readonly string[] {
    return this.list(name).map((item) => this.#identifier(item));
  }

  /** Leaves a field unread, whatever it holds. The reason is for the reader, and for the test that asks for one. */
  ignore(name: string, _reason: string): void {
    this.#taken.add(name);
  }

  /** Refuses a field that holds anything, by its name and place. */
  refuseField(name: string): void {
    if (!isEmpty(this.value(name))) throw this.#unreadable(name);
  }

  finish(): void {
    for (const name of Object.keys(this.#raw)) {
      if (this.#taken.has(name)) continue;
      const reason = reasonToIgnore(this.kind, name);
      if (reason === undefined) this.refuseField(name);
      else this.ignore(name, reason);
    }
  }

  refuse(message: string, details: Readonly<Record<string, unknown>> = {}) {
    return refuseSql(message, positionOf(this.node, this.#text), details);
  }

  #identifier(node: SyntaxNode): string {
    const identifier = Fields.of(node, 'identifier', this.#text);
    const name = identifier.text('name') ?? '';
    identifier.finish();
    return name;
  }

  /** Its own place, else the word that stands for it, else the place of the node. */
  #unreadable(name: string) {
    const position =
      positionOf(this.#raw[name], this.#text) ??
      this.#text.callOf(name.split('_')[0] ?? name) ??
      positionOf(this.node, this.#text);
    return refuseSql(`${words(this.kind)} with ${words(name)} is not supported`, position, { name: words(name) });
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === false || (Array.isArray(value) && value.length === 0);
}

/** A kind or field of the parser as people write it; it parts capitals, `j_s_o_n_b_contains`. */
export function words(name: string): string {
  const parted = name.replaceAll('_', ' ').trim().toUpperCase();
  return parted.replaceAll(/\b([A-Z]) (?=[A-Z]\b)/g, '$1');
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
