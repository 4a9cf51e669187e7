import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createLogger, followLogLevel } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';

function open(level: 'info' | 'debug') {
  const folder = createTemporaryFolder('level');
  const path = join(folder.path, 'log-level');
  const lines: { event: string; [field: string]: unknown }[] = [];
  const logger = createLogger({
    service: 'here',
    instance: 'here-0',
    level,
    write: (line) => lines.push(JSON.parse(line) as { event: string }),
  });
  const events = () => lines.splice(0).map(({ event }) => event);
  return { folder, path, logger, lines, events, clock: new FakeClock() };
}

describe('the level that a file names', () => {
  it('holds from the start, and when the file changes, for loggers that were made before too', async () => {
    const { folder, path, logger, events, clock } = open('info');
    writeFileSync(path, 'warn\n');
    const child = logger.with({ part: 'a' });
    const stop = followLogLevel(path, logger, clock);
    child.info('unheard');
    child.warn('heard');
    assert.deepEqual(events(), ['heard']);
    writeFileSync(path, 'debug');
    await clock.advance(5_000);
    child.debug('heard');
    assert.deepEqual(events(), ['log_level_changed', 'heard']);
    stop();
    writeFileSync(path, 'error');
    await clock.advance(60_000);
    assert.equal(logger.level, 'debug');
    folder[Symbol.dispose]();
  });

  it('stays what it was without a file, and with another word in it, of which one line says so', async () => {
    const { folder, path, logger, lines, events, clock } = open('debug');
    followLogLevel(path, logger, clock);
    writeFileSync(path, 'loud');
    await clock.advance(60_000);
    assert.deepEqual(
      lines.map(({ event, found, kept }) => [event, found, kept]),
      [['log_level_refused', 'loud', 'debug']],
    );
    events();
    rmSync(path);
    await clock.advance(5_000);
    mkdirSync(path);
    await clock.advance(5_000);
    assert.deepEqual([events(), logger.level], [['log_level_refused'], 'debug']);
    rmSync(path, { recursive: true });
    writeFileSync(path, 'error');
    await clock.advance(5_000);
    assert.equal(logger.level, 'error');
    folder[Symbol.dispose]();
  });
});
