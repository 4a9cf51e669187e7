import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A type as the parser's package declares it, as far as its tree needs: generated from Rust, so a small part of TypeScript. */
export type DeclaredType =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'word'; readonly value: string }
  | { readonly kind: 'list'; readonly item: DeclaredType }
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, DeclaredType> }
  | { readonly kind: 'union'; readonly options: readonly DeclaredType[] };

export type ParserTypes = {
  /** Every kind of node, with the fields it may have. */
  readonly kinds: ReadonlyMap<string, DeclaredType>;
  readonly named: ReadonlyMap<string, DeclaredType>;
};

export function readParserTypes(): ParserTypes {
  const path = createRequire(import.meta.url)
    .resolve('@polyglot-sql/sdk')
    .replace(/index\.\w+$/, 'index.d.ts');
  const text = readFileSync(path, 'utf8').replaceAll(/\/\*.*?\*\//gs, '');
  const named = new Map<string, DeclaredType>();
  for (const found of text.matchAll(/^(?:export )?declare type (\w+) =/gm)) {
    const source = text.slice(found.index + found[0].length, text.indexOf(';\n\n', found.index));
    named.set(found[1] ?? '', new TypeReader(source).union());
  }
  const expression = named.get('Expression');
  if (expression?.kind !== 'union') throw new Error('the parser declares no union of its nodes');
  const kinds = new Map(expression.options.flatMap((option) => (option.kind === 'object' ? [...option.fields] : [])));
  return { kinds, named };
}

class TypeReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#tokens = source.match(/"[^"]*"|\w+|\S/g) ?? [];
  }

  union(): DeclaredType {
    const options: DeclaredType[] = [];
    do {
      this.#take('|');
      options.push(this.#intersection());
    } while (this.#peek() === '|');
    const [only] = options;
    return only && options.length === 1 ? only : { kind: 'union', options };
  }

  #intersection(): DeclaredType {
    let type = this.#postfix();
    while (this.#take('&')) {
      const right = this.#postfix();
      if (type.kind === 'object' && right.kind === 'object')
        type = { kind: 'object', fields: new Map([...type.fields, ...right.fields]) };
    }
    return type;
  }

  #postfix(): DeclaredType {
    let type = this.#single();
    while (this.#peek() === '[') {
      this.#skip('[', ']');
      type = { kind: 'list', item: type };
    }
    return type;
  }

  #single(): DeclaredType {
    const token = this.#next();
    if (token === '{') return this.#object();
    if (token === '(') {
      const inner = this.union();
      this.#next();
      return inner;
    }
    if (token === '[') return this.#tuple();
    if (token.startsWith('"')) return { kind: 'word', value: token.slice(1, -1) };
    if (this.#peek() !== '<') return { kind: 'named', name: token };
    this.#next();
    const first = this.union();
    const more: DeclaredType[] = [];
    while (this.#take(',')) more.push(this.union());
    this.#next();
    return token === 'Array' ? { kind: 'list', item: first } : { kind: 'named', name: token };
  }

  #tuple(): DeclaredType {
    const items: DeclaredType[] = [];
    while (this.#peek() !== ']') {
      items.push(this.union());
      this.#take(',');
    }
    this.#next();
    return { kind: 'list', item: { kind: 'union', options: items } };
  }

  #object(): DeclaredType {
    const fields = new Map<string, DeclaredType>();
    while (!this.#take('}')) {
      const name = this.#next().replaceAll('"', '');
      if (name === '[') this.#at += 3;
      this.#take('?');
      this.#take(':');
      fields.set(name, this.union());
      if (!this.#take(';')) this.#take(',');
    }
    return { kind: 'object', fields };
  }

  #skip(open: string, close: string): void {
    if (this.#take(open)) this.#take(close);
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Error('a declaration ends early');
    this.#at += 1;
    return token;
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at += 1;
    return true;
  }
}
