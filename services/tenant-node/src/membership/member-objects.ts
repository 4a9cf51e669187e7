import { Member } from '@hybridstore/contracts';
import type { ObjectStore } from '@hybridstore/engine';
import { compileValidator } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { MemberStore } from './ports.ts';

const membersMax = 10_000;
const membersPrefix = 'members';
const checkMember = compileValidator(Member);

/** Members as objects of the tenant's store, `members/<pod>.json`, each written by its own pod only. */
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
    return this.#store.overwrite(`${membersPrefix}/${member.pod}.json`, Buffer.from(JSON.stringify(member)));
  }

  /** An object that is there and cannot be read may stand for acknowledged rows, so it must not be passed over. */
  async #read(name: string): Promise<Member | undefined> {
    const bytes = await this.#store.get(`${membersPrefix}/${name}`);
    if (!bytes) return undefined;
    return parseMember(bytes.toString('utf8'), name);
  }
}

function parseMember(text: string, name: string): Member {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HybridStoreError('corrupt', `members/${name} is no JSON`, { path: `members/${name}` }, { cause });
  }
  if (checkMember.check<Member>(value)) return value;
  throw new HybridStoreError('corrupt', `members/${name} is not a member: ${checkMember.describe()}`, {
    path: `members/${name}`,
  });
}
