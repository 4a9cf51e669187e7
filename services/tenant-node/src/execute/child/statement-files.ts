import { type Disk, privateFolder } from '@hybridstore/runtime';
import type { StatementView } from '../../domain/ports.ts';
import type { UnguessableNames } from './unguessable-names.ts';

/** A file under its second name. Calls on it are in line, so that a name is never taken away from who has just got it. */
type Link = { readonly path: string; users: number; isMade: boolean; turn: Promise<void> };

/** `folder` has an unguessable name and is not there yet; its file system is that of the tables. */
export type FilesOptions = { readonly disk: Disk; readonly folder: string; readonly names: UnguessableNames };
export type NamedFile = { readonly source: string; readonly path: string };

/** Views whose files stand under names that only their statement knows; those are gone when `release` resolves. */
export type HeldViews = { readonly views: readonly StatementView[]; release(): Promise<void> };

/**
 * The only files that the engine may open: hard links, in a folder that nobody can name, to the files of the statements
 * that are at work. A statement that got past the gate could ask for any path, and would find nothing:
 *
 *   tables/hr/…/part-3.parquet   ◄──┐                          outside the folder: refused by the engine
 *   executor/acme-0/9f…c1/b7…20.parquet                        128 random bits, and 128 that follow from a secret
 *
 * A file has the same name whenever it is linked, so what the engine remembers of it stays true: files never change.
 * Left out on purpose: symbolic links, which the engine resolves before it judges where a file is.
 */
export class StatementFiles {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #names: UnguessableNames;
  readonly #links = new Map<string, Link>();

  private constructor({ disk, folder, names }: FilesOptions) {
    this.#disk = disk;
    this.#folder = folder;
    this.#names = names;
  }

  static async create(options: FilesOptions): Promise<StatementFiles> {
    await options.disk.createFolder(options.folder, privateFolder);
    return new StatementFiles(options);
  }

  /** Links the files of all views, or none. They stay until `release`. */
  async hold(views: readonly StatementView[]): Promise<HeldViews> {
    const paths = [...new Set(views.flatMap((view) => view.files.map((file) => file.path)))];
    const release = async () => {
      await Promise.all(paths.map((path) => this.#release(path)));
    };
    const made = await Promise.allSettled(paths.map((path) => this.#hold(path)));
    const failure = made.find((result) => result.status === 'rejected');
    if (failure) {
      await release();
      throw failure.reason;
    }
    const linked = views.map((view) => ({
      ...view,
      files: view.files.map((file) => ({ ...file, path: this.#nameOf(file.path) })),
    }));
    return { views: linked, release };
  }

  /** The file of one of the views whose name a text of the engine holds: what it says there is for no user. */
  findNamed(text: string, views: readonly StatementView[]): NamedFile | undefined {
    for (const { source, files } of views) {
      const found = files.find(({ path }) => text.includes(this.#nameOf(path)));
      if (found) return { source, path: found.path };
    }
    return undefined;
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
    return `${this.#folder}/${this.#names.of(path)}.parquet`;
  }
}
