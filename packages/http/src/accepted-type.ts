/**
 * The first of `types` that an `Accept` header names; undefined when it names none of them. Ranges as `*` name nothing, and
 * weights do not count: whoever wants one of several forms says so by name.
 */
export function acceptedType<T extends string>(accept: string | undefined, types: readonly T[]): T | undefined {
  for (const part of (accept ?? '').split(',')) {
    const named = part.split(';', 1)[0]?.trim().toLowerCase();
    const type = types.find((one) => one === named);
    if (type !== undefined) return type;
  }
  return undefined;
}
