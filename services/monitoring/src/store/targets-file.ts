import { readFileSync, statSync } from 'node:fs';
import { type MonitoringTarget, MonitoringTargets } from '@hybridstore/contracts';
import { compileValidator } from '@hybridstore/http';
import { HybridStoreError, type Logger } from '@hybridstore/runtime';
import type { Targets } from '../domain/ports.ts';

const validator = compileValidator(MonitoringTargets);

/** TARGETS_FILE, read again when it changes. A broken new version is reported, and the last good one stays in force. */
export class TargetsFile implements Targets {
  readonly #path: string;
  readonly #logger: Logger;
  #targets: readonly MonitoringTarget[];
  #stamp = '';

  /** Throws `invalid_request` naming TARGETS_FILE when the first version cannot be used. */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
    this.#stamp = readStamp(path);
    this.#targets = readTargets(path);
  }

  read(): readonly MonitoringTarget[] {
    const stamp = readStamp(this.#path);
    if (stamp === this.#stamp) return this.#targets;
    this.#stamp = stamp;
    try {
      this.#targets = readTargets(this.#path);
    } catch (error) {
      this.#logger.error('targets_file_refused', { error });
    }
    return this.#targets;
  }
}

function readStamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.mtimeMs}/${stat.size}/${stat.ino}` : '';
}

function readTargets(path: string): readonly MonitoringTarget[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `TARGETS_FILE: expected a readable JSON file, found ${path}`,
      { variable: 'TARGETS_FILE' },
      { cause },
    );
  }
  if (!validator.check<MonitoringTargets>(content))
    throw new HybridStoreError('invalid_request', `TARGETS_FILE: ${validator.describe()}`, {
      variable: 'TARGETS_FILE',
    });
  return content.targets;
}
