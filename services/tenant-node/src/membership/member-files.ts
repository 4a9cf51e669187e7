import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Member } from '@hybridstore/contracts';
import { compileValidator } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { MemberStore } from './membership.ts';

const membersMax = 10_000;
const checkMember = compileValidator(Member);

/** Members as files of the shared volume, `members/<pod>.json`, each written by its own pod only. */
export class MemberFiles implements MemberStore {
  readonly #folder: string;

  constructor(dataPath: string) {
    this.#folder = join(dataPath, 'members');
    mkdirSync(this.#folder, { recursive: true });
  }

  read(pod: string): Member | undefined {
    return this.#readFile(`${pod}.json`);
  }

  list(): readonly Member[] {
    const names = readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
    if (names.length > membersMax)
      throw new HybridStoreError(
        'corrupt',
        `${this.#folder} holds ${names.length} members, at most ${membersMax} make sense`,
      );
    return names.map((name) => this.#readFile(name)).filter((member) => member !== undefined);
  }

  /** On disk, under its name, when it returns: a member that was listed is never forgotten by a crash. */
  write(member: Member): void {
    const path = join(this.#folder, `${member.pod}.json`);
    const temporary = `${path}.tmp-${process.pid}`;
    const file = openSync(temporary, 'w', 0o640);
    try {
      // Writes until all is written, where writeSync may stop half way on a disk that is nearly full.
      writeFileSync(file, JSON.stringify(member));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    const folder = openSync(this.#folder, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  /** A file that is there and cannot be read may stand for acknowledged rows, so it must not be passed over. */
  #readFile(name: string): Member | undefined {
    let text: string;
    try {
      text = readFileSync(join(this.#folder, name), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const parsed = parseMember(text);
    if (parsed) return parsed;
    throw new HybridStoreError('corrupt', `members/${name} is not a member file: ${checkMember.describe()}`);
  }
}

function parseMember(text: string): Member | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return checkMember.check<Member>(value) ? value : undefined;
  } catch {
    // Said by the caller, which knows the file's name.
    return undefined;
  }
}
