import { readFileSync } from 'node:fs';
import type { Clock } from './clock.ts';
import { isErrno } from './disk.ts';
import { type LevelledLogger, type LogLevel, logLevels } from './log.ts';

const lookMs = 5_000;
const wordBytesMax = 64;

/**
 * Follows a file of one word, `debug`, `info`, `warn` or `error`: a kubelet brings it up to date while the pod runs, so another
 * level restarts nothing. Without the file, or with another word in it, the level stays as it is. Gives what ends it.
 */
export function followLogLevel(path: string, logger: LevelledLogger, clock: Pick<Clock, 'schedule'>): () => void {
  let [refused, isFirst, isOver] = ['', true, false];
  let cancel = () => {};
  const look = () => {
    const word = readWord(path);
    if (isLevel(word) && word !== logger.level) {
      const before = logger.level;
      logger.level = word;
      if (!isFirst) logger.info('log_level_changed', { from: before, to: word });
    }
    if (word !== undefined && !isLevel(word) && word !== refused)
      logger.warn('log_level_refused', { path, expected: logLevels, found: word, kept: logger.level });
    refused = word ?? '';
    isFirst = false;
    if (!isOver) cancel = clock.schedule(lookMs, look);
  };
  look();
  return () => {
    isOver = true;
    cancel();
  };
}

function isLevel(word: string | undefined): word is LogLevel {
  return logLevels.some((level) => level === word);
}

/** Undefined where there is no file: the level of before holds. */
function readWord(path: string): string | undefined {
  try {
    return readFileSync(path).subarray(0, wordBytesMax).toString('utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    return `(${error instanceof Error ? error.message : 'unreadable'})`;
  }
}
