/** Thrown when the process itself is wrong: the request or the process fails, it is never caught to go on. */
export class BrokenInvariant extends Error {}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BrokenInvariant(message);
}

export function assertNever(value: never): never {
  throw new BrokenInvariant(`unexpected value: ${JSON.stringify(value)}`);
}
