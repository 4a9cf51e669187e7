import { HybridStoreError } from '@hybridstore/runtime';

export type LegacyUser = { readonly username: string; readonly passwordHash: string };

const usersMax = 100_000;
const bcryptPattern = /^\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{53}$/;

/** The cost (log2 of the rounds) of a bcrypt hash, or undefined for another kind. */
export function bcryptCost(hash: string): number | undefined {
  const cost = bcryptPattern.exec(hash)?.[1];
  return cost === undefined ? undefined : Number(cost);
}

/**
 * Reads LEGACY_USERS_FILE: JSON lines `{"username", "password_hash"}` with bcrypt hashes. A line of another form, or a
 * hash that costs more than `roundsMax`, is refused by its number: each log-in would pay for it.
 */
export function parseLegacyUsers(text: string, roundsMax: number): LegacyUser[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > usersMax) throw refuse(usersMax + 1, `at most ${usersMax} users`);
  return lines.map((line, index) => parseLine(line, index + 1, roundsMax));
}

function parseLine(line: string, number: number, roundsMax: number): LegacyUser {
  const { username, password_hash: passwordHash } = parseObject(line, number);
  if (typeof username !== 'string' || !/^[A-Za-z0-9._@-]{1,128}$/.test(username)) throw refuse(number, 'a username');
  const cost = typeof passwordHash === 'string' ? bcryptCost(passwordHash) : undefined;
  if (typeof passwordHash !== 'string' || cost === undefined) throw refuse(number, 'a bcrypt hash as password_hash');
  if (cost > roundsMax) throw refuse(number, `a cost of at most BCRYPT_ROUNDS (${roundsMax})`);
  return { username, passwordHash };
}

function parseObject(line: string, number: number): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed };
  } catch {
    // Said below, without the text: it may hold a hash.
  }
  throw refuse(number, 'a JSON object');
}

function refuse(line: number, expected: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `LEGACY_USERS_FILE line ${line}: expected ${expected}`, {
    variable: 'LEGACY_USERS_FILE',
    line,
    expected,
  });
}
