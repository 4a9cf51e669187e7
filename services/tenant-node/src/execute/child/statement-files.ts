import { type Clock, type Disk, privateFolder } from '@hybridstore/runtime';
import type { StatementView } from '../../domain/ports.ts';
import { FileSets } from './file-sets.ts';
import type { UnguessableNames } from './unguessable-names.ts';

/** A file under its second name. Calls on it are in line, so that a name is never taken away from who has just got it. */
type Link = { readonly path: string; users: number; isMade: boolean; turn: Promise<void> };

/** `folder` has an unguessable name and is not there yet; its file system is that of the tables. */
export type FilesOptions = {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
  readonly names: UnguessableNames;
};
export type NamedFile = { readonly source: string; readonly path: string };

/**
 * Views whose files stand under names that only their statement knows; those are gone when `release` resolves. `isSuspect`:
 * the statement has failed, maybe for one of the files.
 */
export type HeldViews = { readonly views: readonly StatementView[]; release(isSuspect?: boolean): Promise<void> };

/** So few files of a view are linked one by one: a call for each and its removal are no more than a set's two. */
const singlesMax = 3;
type HeldFiles = { readonly links: readonly string[]; release(isSuspect: boolean): Promise<void> };

/**
 * The only files that the engine may open: hard links, in a folder that nobody can name, to the files of the statements
 * that are at work. A statement that got past the gate could ask for any path, and would find nothing:
 *
 *   tables/hr/…/part-3.parquet   ◄──┐                          outside the folder: refused by the engine
 *   executor/acme-0/9f…c1/open/b7…20.parquet                   128 random bits, and 128 that follow from a secret
 *   executor/acme-0/9f…c1/open/5e…07/3.parquet                 one of many files that are read again and again
 *   executor/acme-0/9f…c1/kept/41…ae/0.parquet                 of no statement at work: refused as well
 *
 * A file has the same name whenever it is linked, so what the engine remembers of it stays true: files never change.
 * Left out on purpose: symbolic links, which the engine resolves before it judges where a file is.
 */
export class StatementFiles {
  /** All that the engine may open lies in here. */
  readonly openFolder: string;
  readonly #disk: Disk;
  readonly #sets: FileSets;
  readonly #names: UnguessableNames;
  readonly #links = new Map<string, Link>();

  private constructor({ disk, clock, folder, names }: FilesOptions) {
    this.openFolder = `${folder}/open`;
    this.#disk = disk;
    this.#names = names;
    this.#sets = new FileSets({ disk, clock, names, open: this.openFolder, kept: `${folder}/kept` });
  }

  static async create(options: FilesOptions): Promise<StatementFiles> {
    for (const part of ['', '/open', '/kept'])
      await options.disk.createFolder(`${options.folder}${part}`, privateFolder);
    return new StatementFiles(options);
  }

  /** Links the files of all views, or none. They stay until `release`. */
  async hold(views: readonly StatementView[]): Promise<HeldViews> {
    const made = await Promise.allSettled(views.map((view) => this.#holdFiles(view.files.map((file) => file.path))));
    const held = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const release = async (isSuspect = false) => {
      await Promise.all(held.map((files) => files.release(isSuspect)));
    };
    const failure = made.find((result) => result.status === 'rejected');
    if (failure) {
      await release();
      throw failure.reason;
    }
    const linked = views.map((view, index) => ({
      ...view,
      files: view.files.map((file, place) => ({ ...file, path: held[index]?.links[place] ?? file.path })),
    }));
    return { views: linked, release };
  }

  async #holdFiles(paths: readonly string[]): Promise<HeldFiles> {
    // Where a folder cannot be made, links may still be; if not, it is they that say why.
    const set = paths.length > singlesMax ? await this.#sets.hold(paths).catch(() => undefined) : undefined;
    return set ?? (await this.#holdSingles(paths));
  }

  async #holdSingles(paths: readonly string[]): Promise<HeldFiles> {
    const release = async () => {
      await Promise.all(paths.map((path) => this.#release(path)));
    };
    const made = await Promise.allSettled(paths.map((path) => this.#hold(path)));
    const failure = made.find((result) => result.status === 'rejected');
    if (failure) {
      await release();
      throw failure.reason;
    }
    return { links: paths.map((path) => this.#nameOf(path)), release };
  }

  #hold(path: string): Promise<void> {
    const link = this.#links.get(path) ?? { path, users: 0, isMade: false, turn: Promise.resolve() };
    this.#links.set(path, link);
    link.users += 1;
    if (link.isMade && link.users > 1) return link.turn;
    return this.#inTurn(link, async () => {
      if (link.isMade) return;
      await this.#disk.link(path, this.#nameOf(path));
      link.isMade = true;
    });
  }

  async #release(path: string): Promise<void> {
    const link = this.#links.get(path);
    if (!link) return;
    link.users -= 1;
    if (link.users > 0) return;
    const drop = async () => {
      if (link.users > 0) return;
      await this.#disk.remove(this.#nameOf(path));
      link.isMade = false;
      // Somebody may have asked meanwhile, and makes it again in his turn.
      if (link.users === 0) this.#links.delete(path);
    };
    // What cannot be removed goes with the folder.
    await this.#inTurn(link, drop).catch(() => {});
  }

  /** Who asked for a step hears of its failure; the next step does not wait for that. */
  #inTurn(link: Link, step: () => Promise<void>): Promise<void> {
    const done = link.turn.then(step);
    link.turn = done.catch(() => {});
    return done;
  }

  #nameOf(path: string): string {
    return `${this.openFolder}/${this.#names.of(path)}.parquet`;
  }
}

/** The file of one of the views whose link a text of the engine names: what it says there is for no user. */
export function findNamed(
  text: string,
  views: readonly StatementView[],
  linked: readonly StatementView[],
): NamedFile | undefined {
  for (const [index, { source, files }] of views.entries()) {
    const place = linked[index]?.files.findIndex(({ path }) => text.includes(path)) ?? -1;
    const found = files[place];
    if (found) return { source, path: found.path };
  }
  return undefined;
}
