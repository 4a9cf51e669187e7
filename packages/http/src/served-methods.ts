import { HybridStoreError } from '@hybridstore/runtime';

/** Which methods a path takes, for what is asked of it with another one. */
export class ServedMethods {
  readonly #paths: { readonly pattern: RegExp; readonly method: string }[] = [];

  /** `path` in fastify's form, `/logs/:service`. */
  add(method: string, path: string): void {
    const pattern = path
      .split('/')
      .map((part) => (part.startsWith(':') ? '[^/%]+' : part.replaceAll(/[^a-z0-9_-]/gi, '\\$&')))
      .join('/');
    this.#paths.push({ pattern: new RegExp(`^${pattern}$`), method });
  }

  /** Of one path, or of all. */
  methods(path?: string): readonly string[] {
    const served = path === undefined ? this.#paths : this.#paths.filter(({ pattern }) => pattern.test(path));
    return [...new Set(served.map(({ method }) => method))].sort();
  }

  /** `not_found`, or `method_not_allowed` where the path takes another method, or no path takes this one. */
  refusal(method: string, path: string): HybridStoreError {
    const ofPath = this.methods(path);
    const all = this.methods();
    const allow = ofPath.length > 0 ? ofPath : all;
    return ofPath.length === 0 && all.includes(method)
      ? new HybridStoreError('not_found', `${method} ${path} does not exist`)
      : methodNotAllowed(method, allow);
  }
}

export function methodNotAllowed(method: string, allow: readonly string[]): HybridStoreError {
  return new HybridStoreError('method_not_allowed', `method: expected ${allow.join(' or ')}, found ${method}`, {
    field: 'method',
    expected: allow.join(', '),
    actual: method,
    allow,
  });
}
