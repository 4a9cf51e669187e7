import { authGateway, type DatabaseChecked, type StoredKey, type UserStoreCall } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { retryLater } from '@hybridstore/runtime';
import type { ApiKeyRecord, UserStore } from '../domain/ports.ts';

export type ServedUsers = {
  readonly store: UserStore;
  readonly checkDatabase: () => Promise<DatabaseChecked>;
};

/** In its last seconds the store takes none of these: gateways would not learn of them before it is away. */
const revoking: ReadonlySet<UserStoreCall['name']> = new Set([
  'changePassword',
  'revokeGrant',
  'revokeAll',
  'endSessions',
  'setPlatformAdministrator',
  'deleteKey',
]);

/** The store of this process, for the gateways that have none of their own. See `clients/http-user-store.ts`. */
export function addUserStore(server: Server, users: ServedUsers): void {
  server.route(authGateway.userStore, async (request) => {
    if (server.standard.isLeaving && revoking.has(request.body.name))
      throw retryLater('unavailable', 'the store of users is restarting', 1_000);
    const value = await run(users, request.body);
    return value === undefined ? {} : { value };
  });
}

async function run({ store, checkDatabase }: ServedUsers, call: UserStoreCall): Promise<unknown> {
  switch (call.name) {
    case 'insertUser':
      return store.insertUser(...call.arguments);
    case 'userById':
      return store.userById(...call.arguments);
    case 'userByName':
      return store.userByName(...call.arguments);
    case 'setPasswordHash':
      return store.setPasswordHash(...call.arguments);
    case 'changePassword': {
      const [userId, passwordHash, address] = call.arguments;
      return store.changePassword(userId, passwordHash, address ?? undefined);
    }
    case 'hasHashOf':
      return store.hasHashOf(...call.arguments);
    case 'knowsAddress':
      return store.knowsAddress(...call.arguments);
    case 'noteAddress':
      return store.noteAddress(...call.arguments);
    case 'addGrant':
      return store.addGrant(...call.arguments);
    case 'revokeGrant':
      return store.revokeGrant(...call.arguments);
    case 'revokeAll':
      return store.revokeAll(...call.arguments);
    case 'endSessions':
      return store.endSessions(...call.arguments);
    case 'revocationsSince':
      return store.revocationsSince(...call.arguments);
    case 'setPlatformAdministrator':
      return store.setPlatformAdministrator(...call.arguments);
    case 'insertKey': {
      const [key, keysMax] = call.arguments;
      return store.insertKey({ ...key, digest: Buffer.from(key.digest, 'base64') }, keysMax);
    }
    case 'keyById': {
      const key = await store.keyById(...call.arguments);
      return key && writeKey(key);
    }
    case 'keysOfUser':
      return (await store.keysOfUser(...call.arguments)).map(writeKey);
    case 'deleteKey':
      return store.deleteKey(...call.arguments);
    case 'deleteKeysExpiredBefore':
      return store.deleteKeysExpiredBefore(...call.arguments);
    case 'checkDatabase':
      return checkDatabase();
  }
}

function writeKey({ permissions, digest, ...key }: ApiKeyRecord): StoredKey {
  return { ...key, permissions: [...permissions], digest: digest.toString('base64') };
}
