import { readFileSync } from 'node:fs';
import { HybridStoreError } from './errors.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads a process's variables. Every reader throws `invalid_request` naming the variable, what was expected and what
 * was found, so that a wrong start-up ends with one clear line. An empty value counts as absent.
 */
export class Environment {
  readonly #variables: Variables;

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  text(name: string, fallback?: string): string {
    const value = this.#variables[name];
    if (value !== undefined && value !== '') return value;
    if (fallback !== undefined) return fallback;
    throw wrongVariable(name, 'a value', 'nothing');
  }

  optional(name: string): string | undefined {
    const value = this.#variables[name];
    return value === '' ? undefined : value;
  }

  integer(name: string, bounds: { readonly fallback?: number; readonly min: number; readonly max: number }): number {
    const value = this.number(name, bounds);
    if (!Number.isInteger(value)) throw wrongVariable(name, 'an integer', String(value));
    return value;
  }

  number(name: string, bounds: { readonly fallback?: number; readonly min: number; readonly max: number }): number {
    const text = this.text(name, bounds.fallback === undefined ? undefined : String(bounds.fallback));
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < bounds.min || value > bounds.max) {
      throw wrongVariable(name, `a number from ${bounds.min} to ${bounds.max}`, text);
    }
    return value;
  }

  boolean(name: string, fallback?: boolean): boolean {
    const text = this.text(name, fallback === undefined ? undefined : String(fallback)).toLowerCase();
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw wrongVariable(name, 'true or false', text);
  }

  choice<const T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const text = this.text(name, fallback);
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw wrongVariable(name, `one of ${choices.join(', ')}`, text);
    return choice;
  }

  url(name: string, fallback?: string): string {
    const text = this.text(name, fallback);
    // `host:8080` is a URL too, whose scheme is `host:`.
    if (!/^https?:$/.test(URL.parse(text)?.protocol ?? '')) throw wrongVariable(name, 'a http URL', text);
    return text.replace(/\/$/, '');
  }

  /** Comma-separated; empty items are dropped. */
  list(name: string, fallback: readonly string[] = []): readonly string[] {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** The content of the file that `${name}` names, without a final line break. */
  file(name: string): string {
    const path = this.text(name);
    try {
      return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    } catch (cause) {
      throw new HybridStoreError(
        'invalid_request',
        `${name}: expected a readable file, found ${path}`,
        { variable: name, path },
        { cause },
      );
    }
  }
}

/** The error of a variable. It shows `actual`, so a secret's own value must not be given. */
export function wrongVariable(name: string, expected: string, actual: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `${name}: expected ${expected}, found ${actual}`, {
    variable: name,
    expected,
    actual,
  });
}
