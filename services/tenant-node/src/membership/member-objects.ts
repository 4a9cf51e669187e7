import { Member } from '@hybridstore/contracts';
import type { ObjectStore } from '@hybridstore/engine';
import { compileValidator } from '@hybridstore/http';
import { HybridStoreError, openSealed, sealJson } from '@hybridstore/runtime';
import type { MemberStore } from './ports.ts';

const membersMax = 10_000;
const membersPrefix = 'members';
const checkMember = compileValidator(Member);

/** Members as objects of the tenant's store, `members/<pod>.json`, each written by its own pod, or by the member that gives it up. */
export class MemberObjects implements MemberStore {
  readonly #store: Pick<ObjectStore, 'get' | 'list' | 'overwrite'>;

  constructor(store: Pick<ObjectStore, 'get' | 'list' | 'overwrite'>) {
    this.#store = store;
  }

  read(pod: string): Promise<Member | undefined> {
    return this.#read(`${pod}.json`);
  }

  async list(): Promise<readonly Member[]> {
    const names = (await this.#store.list(membersPrefix)).filter((name) => name.endsWith('.json'));
    if (names.length > membersMax)
      throw new HybridStoreError(
        'corrupt',
        `${membersPrefix}/ holds ${names.length} members, at most ${membersMax} make sense`,
      );
    const members = await Promise.all(names.map((name) => this.#read(name)));
    return members.filter((member) => member !== undefined);
  }

  /** Durable, under its name, when it resolves: a member that was listed is never forgotten by a crash. */
  write(member: Member): Promise<void> {
    const key = `${membersPrefix}/${member.pod}.json`;
    return this.#store.overwrite(key, Buffer.from(sealJson(member, key)));
  }

  /** An object that is there and cannot be read may stand for acknowledged rows, so it must not be passed over. */
  async #read(name: string): Promise<Member | undefined> {
    const key = `${membersPrefix}/${name}`;
    const bytes = await this.#store.get(key);
    return bytes && parseMember(bytes, key);
  }
}

function parseMember(bytes: Buffer, key: string): Member {
  const value = openSealed(bytes, key);
  if (value === undefined) throw new HybridStoreError('corrupt', `${key} is no JSON`, { path: key });
  if (!checkMember.check<Member>(value))
    throw new HybridStoreError('corrupt', `${key} is not a member: ${checkMember.describe()}`, { path: key });
  if (`${membersPrefix}/${value.pod}.json` === key) return value;
  throw new HybridStoreError('corrupt', `${key} is the object of member ${value.pod}`, { path: key });
}
