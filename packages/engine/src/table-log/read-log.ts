import { createHash } from 'node:crypto';
import { HybridStoreError } from '@hybridstore/runtime';
import type { ObjectStore } from '../store/ports.ts';
import { type Action, decodeCommit } from './actions.ts';
import { readCheckpoint } from './checkpoint.ts';
import { checkpointSumTag, decodeLastCheckpoint, type ReadHint } from './last-checkpoint.ts';
import {
  checkpointKey,
  checkpointVersion,
  commitKey,
  commitVersion,
  lastCheckpointKey,
  logPrefix,
} from './log-names.ts';
import { applyCommits, type Snapshot } from './snapshot.ts';

/**
 * The table from its log, without anything known before. A checkpoint saves reading commits, and can be wrong; commits are
 * what was agreed on. So, in this order, the first that leads to the newest commit:
 *
 *   1. the newest checkpoint that proves its content, and the commits after it; a bad one gives way to the one before
 *   2. all commits, from version 0 on
 *   3. the newest checkpoint that proves nothing (another engine's, or one of before) but contradicts nothing either
 *
 * A log that none of them reads is `corrupt`: it never reads as a smaller table.
 */
export type ReadLog = { readonly snapshot: Snapshot; readonly problems: readonly LogProblem[] };

/** What was found wrong on the way, although the table could be read. */
export type LogProblem = { readonly key: string; readonly reason: string };

type Store = Pick<ObjectStore, 'get' | 'list'>;

const readsAtOnce = 32;
/** Checkpoints that are looked at before all commits are read. */
const checkpointsMax = 5;

export async function readLog(store: Store, location: string): Promise<ReadLog> {
  const names = await store.list(logPrefix(location));
  const versions = names.flatMap((name) => commitVersion(name) ?? []);
  const checkpoints = names.flatMap((name) => checkpointVersion(name) ?? []).toReversed();
  if (versions.length === 0 && checkpoints.length === 0)
    throw new HybridStoreError('not_found', `${location} holds no table`, { table: location });
  const problems: LogProblem[] = [];
  const base = await findBase(store, location, { versions, checkpoints, problems });
  const first = (base?.version ?? -1) + 1;
  requireFollowing(versions, first, location);
  const later = versions.filter((version) => version >= first);
  const commits = await readCommits(store, location, later);
  return { snapshot: applyCommits(base, commits, location), problems };
}

type Found = {
  readonly versions: readonly number[];
  readonly checkpoints: readonly number[];
  readonly problems: LogProblem[];
};

/** The snapshot to start from; undefined to start from version 0. */
async function findBase(store: Store, location: string, found: Found): Promise<Snapshot | undefined> {
  const hint = await readHint(store, location, found.problems);
  let unproven: Snapshot | undefined;
  for (const version of found.checkpoints.slice(0, checkpointsMax)) {
    // Gaps only grow with the way back.
    if (!isFollowed(found.versions, version + 1)) break;
    const checkpoint = await tryCheckpoint(store, { location, version, hint }, found.problems);
    if (checkpoint?.isProven) return checkpoint.snapshot;
    unproven ??= checkpoint?.snapshot;
  }
  return found.versions[0] === 0 && isFollowed(found.versions, 0) ? undefined : unproven;
}

async function readHint(store: Store, location: string, problems: LogProblem[]): Promise<ReadHint | undefined> {
  const key = lastCheckpointKey(location);
  const bytes = await store.get(key);
  const hint = bytes && decodeLastCheckpoint(bytes);
  if (bytes && !hint) problems.push({ key, reason: 'it is not what was written: its checksum does not match' });
  return hint;
}

type CheckpointPlace = { readonly location: string; readonly version: number; readonly hint: ReadHint | undefined };
type Checkpoint = { readonly snapshot: Snapshot; readonly isProven: boolean };

/** Undefined for one that is not there any more, or that is bad, which is then among the problems. */
async function tryCheckpoint(
  store: Store,
  place: CheckpointPlace,
  problems: LogProblem[],
): Promise<Checkpoint | undefined> {
  const key = checkpointKey(place.location, place.version);
  const bytes = await store.get(key);
  if (!bytes) return undefined;
  try {
    return await openCheckpoint(bytes, place);
  } catch (error) {
    problems.push({ key, reason: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

/** Throws when the file is not the checkpoint that was written. */
export async function openCheckpoint(bytes: Buffer, { location, version, hint }: CheckpointPlace): Promise<Checkpoint> {
  if (hint?.version === version) requireHinted(bytes, hint);
  const { actions, committedAtMs, isProven } = await readCheckpoint(bytes, { location, version });
  const snapshot = applyCommits(undefined, [{ version, actions }], location);
  if (hint?.version === version) {
    requireSame('actions', hint.size, actions.length);
    requireSame('files', hint.numOfAddFiles, snapshot.files.size);
  }
  return { snapshot: { ...snapshot, committedAtMs }, isProven };
}

/** Before the bytes are decoded: a decoder may take damage for sizes. */
function requireHinted(bytes: Buffer, hint: ReadHint): void {
  requireSame('bytes', hint.sizeInBytes, bytes.length);
  const sum = hint.tags?.[checkpointSumTag];
  if (sum !== undefined && sum !== sumOf(bytes))
    throw new HybridStoreError('corrupt', 'its bytes are not those that were written: their checksum does not match');
}

function requireSame(what: string, expected: number | undefined, actual: number): void {
  if (expected !== undefined && expected !== actual)
    throw new HybridStoreError('corrupt', `expected ${expected} ${what}, found ${actual}`);
}

export function sumOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isFollowed(versions: readonly number[], first: number): boolean {
  const later = versions.filter((version) => version >= first);
  return later.every((version, index) => version === first + index);
}

function requireFollowing(versions: readonly number[], first: number, location: string): void {
  const later = versions.filter((version) => version >= first);
  const missing = later.findIndex((version, index) => version !== first + index);
  if (missing < 0 && (first > 0 || later.length > 0)) return;
  const version = first + Math.max(0, missing);
  throw new HybridStoreError('corrupt', `table log of ${location}: version ${version} is missing`, {
    table: location,
    version,
  });
}

export type Commit = { readonly version: number; readonly actions: readonly Action[] };

async function readCommits(store: Store, location: string, versions: readonly number[]): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (let from = 0; from < versions.length; from += readsAtOnce)
    commits.push(
      ...(await Promise.all(
        versions.slice(from, from + readsAtOnce).map((version) => requireCommit(store, location, version)),
      )),
    );
  return commits;
}

async function requireCommit(store: Store, location: string, version: number): Promise<Commit> {
  const key = commitKey(location, version);
  const actions = await readCommit(store, key);
  if (!actions) throw new HybridStoreError('corrupt', `table log ${key} is missing`, { path: key });
  return { version, actions };
}

/** Undefined when there is none. */
export async function readCommit(store: Pick<ObjectStore, 'get'>, key: string): Promise<Action[] | undefined> {
  const bytes = await store.get(key);
  return bytes && decodeCommit(bytes, key);
}
