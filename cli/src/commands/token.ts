import type { Connection } from '../connection.ts';
import type { Io } from '../io.ts';

export type TokenFlags = { readonly output: 'table' | 'json' };

/** Logs in and prints the token alone, for `$(hybridstore token)`; with `-o json` all that the gateway says about it. */
export async function token(connection: Connection, flags: TokenFlags, io: Io): Promise<void> {
  const answer = await connection.logIn();
  io.stdout.write(flags.output === 'json' ? `${JSON.stringify(answer)}\n` : `${answer.access_token}\n`);
}
