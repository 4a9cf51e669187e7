import { readFileSync } from 'node:fs';
import type { ServiceName } from '@hybridstore/contracts';
import { HybridStoreError, isHybridStoreError } from './errors.ts';
import type { VariableName } from './process-variables.ts';
import { readSettingsFile, type SettingsFile, sortSettings } from './settings-file.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads a process's variables, and what CONFIG_FILE names where one is not set. Every reader throws `invalid_request` naming
 * the variable, what was expected and what was found, so that a wrong start-up ends with one clear line. An empty value
 * counts as absent.
 */
export class Environment {
  readonly #variables: Variables;
  readonly #file: SettingsFile | undefined;

  constructor(variables: Variables, file?: SettingsFile) {
    this.#variables = variables;
    this.#file = file;
  }

  /** With the file that CONFIG_FILE names, if it names one. */
  static open(service: ServiceName, variables: Variables): Environment {
    const path = variables['CONFIG_FILE'];
    if (path === undefined || path === '') return new Environment(variables);
    return new Environment(variables, sortSettings(service, path, readSettingsFile(path)));
  }

  get settingsFile(): SettingsFile | undefined {
    return this.#file;
  }

  /** Settings of the file that do nothing, since the variable is set as well. */
  get overridden(): readonly string[] {
    return Object.keys(this.#file?.values ?? {}).filter((name) => isSet(this.#variables[name]));
  }

  /** What `read` gives; an error about a value of the file names the file. */
  read<T>(read: (environment: Environment) => T): T {
    try {
      return read(this);
    } catch (error) {
      throw this.#isOfFile(error) ? nameFile(error, this.#file?.path ?? '') : error;
    }
  }

  #isOfFile(error: unknown): error is HybridStoreError {
    const name = isHybridStoreError(error, 'invalid_request') ? error.details['variable'] : undefined;
    if (typeof name !== 'string' || isSet(this.#variables[name])) return false;
    return Object.hasOwn(this.#file?.values ?? {}, name);
  }

  #find(name: string): string | undefined {
    const value = this.#variables[name];
    const found = isSet(value) ? value : this.#file?.values[name];
    return isSet(found) ? found : undefined;
  }

  text(name: VariableName, fallback?: string): string {
    const value = this.#find(name);
    if (value !== undefined) return value;
    if (fallback !== undefined) return fallback;
    throw wrongVariable(name, 'a value', 'nothing');
  }

  optional(name: VariableName): string | undefined {
    return this.#find(name);
  }

  integer(
    name: VariableName,
    bounds: { readonly fallback?: number; readonly min: number; readonly max: number },
  ): number {
    const value = this.number(name, bounds);
    if (!Number.isInteger(value)) throw wrongVariable(name, 'an integer', String(value));
    return value;
  }

  number(
    name: VariableName,
    bounds: { readonly fallback?: number; readonly min: number; readonly max: number },
  ): number {
    const text = this.text(name, bounds.fallback === undefined ? undefined : String(bounds.fallback));
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < bounds.min || value > bounds.max) {
      throw wrongVariable(name, `a number from ${bounds.min} to ${bounds.max}`, text);
    }
    return value;
  }

  boolean(name: VariableName, fallback?: boolean): boolean {
    const text = this.text(name, fallback === undefined ? undefined : String(fallback)).toLowerCase();
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw wrongVariable(name, 'true or false', text);
  }

  choice<const T extends string>(name: VariableName, choices: readonly T[], fallback?: T): T {
    const text = this.text(name, fallback);
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw wrongVariable(name, `one of ${choices.join(', ')}`, text);
    return choice;
  }

  url(name: VariableName, fallback?: string): string {
    const text = this.text(name, fallback);
    // `host:8080` is a URL too, whose scheme is `host:`.
    if (!/^https?:$/.test(URL.parse(text)?.protocol ?? '')) throw wrongVariable(name, 'a http URL', text);
    return text.replace(/\/$/, '');
  }

  /** Comma-separated; empty items are dropped. */
  list(name: VariableName, fallback: readonly string[] = []): readonly string[] {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** The content of the file that `${name}` names, without a final line break. */
  file(name: VariableName): string {
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

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function nameFile(error: HybridStoreError, path: string): HybridStoreError {
  return new HybridStoreError(error.code, `${path}: ${error.message}`, { ...error.details, path }, { cause: error });
}

/** The error of a variable. It shows `actual`, so a secret's own value must not be given. */
export function wrongVariable(name: string, expected: string, actual: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `${name}: expected ${expected}, found ${actual}`, {
    variable: name,
    expected,
    actual,
  });
}
