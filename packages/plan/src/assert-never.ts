/** Proves at compile time that a switch over `kind` is complete; at run time it names what slipped past the schema. */
export function assertNever(value: never): never {
  throw new Error(`unexpected node: ${JSON.stringify(value)?.slice(0, 200)}`);
}
