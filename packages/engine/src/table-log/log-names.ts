/** Names of the objects of a table log, as the Delta protocol has them. */
export function logPrefix(location: string): string {
  return `${location}/_delta_log`;
}

export function commitKey(location: string, version: number): string {
  return `${logPrefix(location)}/${paddedVersion(version)}.json`;
}

export function checkpointKey(location: string, version: number): string {
  return `${logPrefix(location)}/${paddedVersion(version)}.checkpoint.parquet`;
}

export function lastCheckpointKey(location: string): string {
  return `${logPrefix(location)}/_last_checkpoint`;
}

export function commitVersion(name: string): number | undefined {
  return versionIn(/^(\d{20})\.json$/.exec(name));
}

export function checkpointVersion(name: string): number | undefined {
  return versionIn(/^(\d{20})\.checkpoint\.parquet$/.exec(name));
}

function versionIn(match: RegExpExecArray | null): number | undefined {
  return match ? Number(match[1]) : undefined;
}

function paddedVersion(version: number): string {
  return String(version).padStart(20, '0');
}
