import { requireStrongSecret } from '@hybridstore/runtime';

/** `JWT_SECRET`, from which the gateway derives the key of its tokens; without it the operator makes a random one. Throws when it is weak. */
export function readJwtSecret(variables: NodeJS.ProcessEnv): string | undefined {
  const text = variables['JWT_SECRET'];
  return text === undefined ? undefined : requireStrongSecret('JWT_SECRET', text);
}
