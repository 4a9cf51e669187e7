import { type Static, type TLiteral, type TObject, type TSchema, type TTuple, Type } from 'typebox';
import { Permission, roles } from './auth.ts';
import { TenantId } from './identifiers.ts';

/*
 * What a gateway asks of the process that holds the users: the calls of its port `UserStore`, by name, with their arguments
 * as the port has them; a key's digest is base64. Both ends are the same program.
 */

const Text = Type.String({ maxLength: 1_024 });
const Id = Type.String({ minLength: 1, maxLength: 128 });
const TimeMs = Type.Integer({ minimum: 0 });
const Count = Type.Integer({ minimum: 0, maximum: 10_000_000 });
const Digest = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });

const StoredGrant = Type.Object(
  { tenantId: TenantId, role: Type.Enum([...roles]), sources: Permission.properties.sources },
  { additionalProperties: false },
);
const NewStoredUser = Type.Object(
  {
    userId: Id,
    username: Id,
    passwordHash: Text,
    isPlatformAdmin: Type.Boolean(),
    createdAtMs: TimeMs,
    grants: Type.Array(StoredGrant, { maxItems: 64 }),
    address: Type.Optional(Text),
  },
  { additionalProperties: false },
);
const StoredKey = Type.Object(
  {
    keyId: Id,
    userId: Id,
    name: Text,
    tenantId: TenantId,
    permissions: Type.Array(Permission, { maxItems: 64 }),
    digest: Digest,
    createdAtMs: TimeMs,
    expiresAtMs: TimeMs,
  },
  { additionalProperties: false },
);

function called<Name extends string, Arguments extends TSchema[]>(
  name: Name,
  ...given: [...Arguments]
): TObject<{ name: TLiteral<Name>; arguments: TTuple<Arguments> }> {
  const properties = { name: Type.Literal(name), arguments: Type.Tuple<Arguments>(given) };
  return Type.Object(properties, { additionalProperties: false });
}

export const UserStoreCall = Type.Union(
  [
    called('insertUser', NewStoredUser, Count),
    called('userById', Id),
    called('userByName', Id),
    called('setPasswordHash', Id, Text),
    called('changePassword', Id, Text, Type.Union([Text, Type.Null()])),
    called('hasHashOf', Text),
    called('knowsAddress', Id, Text),
    called('noteAddress', Id, Text),
    called('addGrant', Id, StoredGrant),
    called('revokeGrant', Id, StoredGrant),
    called('revokeAll', Id),
    called('endSessions', Id),
    called('revocationsSince', TimeMs, Count),
    called('setPlatformAdministrator', Id),
    called('insertKey', StoredKey, Count),
    called('keyById', Id),
    called('keysOfUser', Id),
    called('deleteKey', Id, Id),
    called('deleteKeysExpiredBefore', TimeMs),
    // JSON Schema has no empty tuple.
    Type.Object(
      { name: Type.Literal('checkDatabase'), arguments: Type.Array(Type.Null(), { maxItems: 0 }) },
      { additionalProperties: false },
    ),
  ],
  { $id: 'UserStoreCall' },
);
export type UserStoreCall = Static<typeof UserStoreCall>;

/** `value` is absent where the call gives nothing. */
export const UserStoreAnswer = Type.Object(
  { value: Type.Optional(Type.Unknown()) },
  { $id: 'UserStoreAnswer', additionalProperties: false },
);
export type StoredKey = Static<typeof StoredKey>;
