import type { Action, Permission } from './auth.ts';

const permissionsPerTokenMax = 64;

/** `*` stands for any run of characters. Linear: patterns come from grants that users write. */
export function matchesPattern(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return text === pattern;
  if (!text.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let position = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}

/**
 * Whether everything that `pattern` matches is matched by `wider` too. A `*` of the narrower pattern is read as a
 * character that only a `*` of the wider one can take: then each of its expansions is taken as well.
 */
export function coversPattern(wider: string, pattern: string): boolean {
  return matchesPattern(wider, pattern);
}

/** Whether one of `held` allows the action on every source that the pattern matches. */
export function coversAction(held: readonly Permission[], action: Action, pattern: string): boolean {
  return held.some(
    (permission) =>
      permission.actions.includes(action) && permission.sources.some((wider) => coversPattern(wider, pattern)),
  );
}

/**
 * The part of `asked` that `held` allows: each pair of a source pattern and an action is kept or dropped whole. At most
 * as many as a token may carry; what is beyond is dropped, which only takes power away.
 */
export function intersectPermissions(held: readonly Permission[], asked: readonly Permission[]): Permission[] {
  return asked.flatMap((permission) => restrictPermission(held, permission)).slice(0, permissionsPerTokenMax);
}

function restrictPermission(held: readonly Permission[], asked: Permission): Permission[] {
  const byActions = new Map<string, { sources: string[]; actions: Action[] }>();
  for (const source of asked.sources) {
    const actions = asked.actions.filter((action) => coversAction(held, action, source));
    if (actions.length === 0) continue;
    const group = byActions.get(actions.join()) ?? { sources: [], actions };
    group.sources.push(source);
    byActions.set(actions.join(), group);
  }
  return [...byActions.values()];
}

/** The first pair of `asked` that `held` does not allow, or undefined when all is allowed. */
export function firstUncovered(
  held: readonly Permission[],
  asked: readonly Permission[],
): { readonly source: string; readonly action: Action } | undefined {
  for (const { sources, actions } of asked)
    for (const source of sources)
      for (const action of actions) if (!coversAction(held, action, source)) return { source, action };
  return undefined;
}
