export { type Admission, type AdmissionBounds, type AdmissionOwner, AdmissionQueue } from './admission-queue.ts';
export { assert, assertNever } from './assert.ts';
export {
  asDatabaseError,
  type CheckedDatabaseOptions,
  checkDatabase,
  type DatabaseCheck,
  openCheckedDatabase,
  quarantineDatabase,
  scheduleCheckpoints,
} from './checked-database.ts';
export { joinPayload } from './child-process/message-codec.ts';
export type { ChildProtocol } from './child-process/protocol.ts';
export { type ParentChannel, type Receive, type StartServing, serveParent } from './child-process/serve-parent.ts';
export { programBeside } from './child-process/spawn-child.ts';
export { type ChildChannel, type ChildEnd, type ChildOptions, startChild } from './child-process/start-child.ts';
export { type Clock, systemClock } from './clock.ts';
export { columnsVersion } from './columns-version.ts';
export { DatabaseChecks, type DatabaseChecksOptions, databaseCheckMsMax } from './database-checks.ts';
export {
  type Disk,
  type DiskFile,
  type FileMode,
  type FileStat,
  type FolderMode,
  groupFile,
  groupFolder,
  isDiskFull,
  isErrno,
  isTemporaryName,
  privateFile,
  privateFolder,
  replaceFileDurably,
  systemDisk,
  type VolumeSize,
  type WholeFile,
  writeAside,
} from './disk.ts';
export { Environment, type Variables, wrongVariable } from './environment.ts';
export {
  type ErrorCode,
  type ErrorDetails,
  HybridStoreError,
  inField,
  isErrorCode,
  isHybridStoreError,
  retryLater,
  toHybridStoreError,
} from './errors.ts';
export { type ExactNumber, exactNumber, isExactNumber, isKeptAsDouble } from './exact-number.ts';
export {
  closeFolder,
  ofGroupAndOthers,
  ofOthers,
  type Tightened,
  tightenFolder,
  withholdFromNewFiles,
} from './folder-access.ts';
export { findPlatform, holderFile } from './folder-holder.ts';
export { followLogLevel } from './follow-log-level.ts';
export { findIdleVariables, type IdleVariable } from './idle-variables.ts';
export { isRecord } from './is-record.ts';
export { LatestRun } from './latest-run.ts';
export {
  createLogger,
  type LevelledLogger,
  type LogFields,
  type Logger,
  type LogLevel,
  LogRing,
  logLevels,
  silentLogger,
} from './log.ts';
export { LruCache } from './lru-cache.ts';
export { decodeLz4Block, decodeLz4Frame } from './lz4.ts';
export { Counter, createMetrics, durationBucketsSeconds, Gauge, Histogram, Registry } from './metrics.ts';
export { orAborted } from './or-aborted.ts';
export { notePassing } from './passing-bytes.ts';
export { type PlaceBounds, type PlaceOwners, Places } from './places.ts';
export { openPrivateDatabase } from './private-database.ts';
export {
  isGivenVariable,
  type ProcessVariables,
  placeOf,
  podVariables,
  processVariables,
  readersOf,
  type VariableName,
  variableNamesOf,
} from './process-variables.ts';
export { createQueryId } from './query-id.ts';
export { findRepeatedKey } from './repeated-key.ts';
export { giveBackAtRest, type RestingMemory } from './resting-memory.ts';
export { brokenSeal, openSealed, sealJson, sealOf } from './sealed-json.ts';
export { Semaphore } from './semaphore.ts';
export { readSettingsFile, type SettingsFile, settingsSections, sortSettings } from './settings-file.ts';
export { closingMsMax, onShutdown, type Phase, runPhases } from './shutdown.ts';
export { deriveSigningKey, issuerOf, publicKeyOf, requireStrongSecret, type SigningKey } from './signing-key.ts';
export { SingleFlight } from './single-flight.ts';
export { maySource, requireSource, type TenantCaller, userOf } from './tenant-caller.ts';
export { readTenantUrlTemplate, tenantUrl } from './tenant-url.ts';
export { serveThread } from './threads/serve-thread.ts';
export { ThreadPool, type ThreadPoolOptions } from './threads/thread-pool.ts';
export { isWalWhole } from './wal-file.ts';
