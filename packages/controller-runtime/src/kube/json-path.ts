import { JSONPath } from 'jsonpath-plus';

/**
 * The value at a path as printer columns write it (`.a.b`, `[0]`, `['a.b']`, `[?(@.x=="y")]`): the first match, undefined
 * without one. Anybody may have written the definition that holds the path: `safe` evaluates filters without running code,
 * a filter that fails for an item does not match it, and a path that is none finds nothing, since a column must not break
 * a table. The library remembers each path for good; there are as many as columns of definitions.
 */
export function readJsonPath(root: unknown, path: string): unknown {
  const rooted = /^[.[]/.test(path) ? `$${path}` : `$.${path}`;
  try {
    // The types know objects only; any JSON may be read, and what is no container has nothing below it.
    const json = root as object;
    const found: unknown = JSONPath({ path: rooted, json, eval: 'safe', ignoreEvalErrors: true, wrap: true });
    return Array.isArray(found) ? found[0] : undefined;
  } catch {
    return undefined; // see above
  }
}
