import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger, HybridStoreError, LogRing } from '@hybridstore/runtime';

function open(level: 'debug' | 'info' = 'info') {
  const lines: string[] = [];
  const ring = new LogRing();
  const logger = createLogger({
    service: 'tenant-node',
    instance: 'hs-acme-0',
    level,
    ring,
    write: (line) => lines.push(line),
  });
  return { logger, ring, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

function fill(ring: LogRing, count: number): void {
  for (let number = 0; number < count; number += 1)
    ring.push({ time: '', level: 'info', service: 's', instance: 'i', event: `e${number}`, fields: {} });
}

describe('the logger', () => {
  it('writes one JSON line an event, and the same into the ring', () => {
    const { logger, ring, parsed } = open();
    logger.with({ tenant: 'default/acme' }).warn('disk_slow', { elapsed_ms: 7 });
    const [line] = parsed();
    const { time, ...rest } = line ?? {};
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(rest, {
      level: 'warn',
      service: 'tenant-node',
      instance: 'hs-acme-0',
      tenant: 'default/acme',
      elapsed_ms: 7,
      event: 'disk_slow',
    });
    const { entries } = ring.tail();
    assert.deepEqual(
      entries.map(({ time: _, ...entry }) => entry),
      [
        {
          level: 'warn',
          service: 'tenant-node',
          instance: 'hs-acme-0',
          event: 'disk_slow',
          fields: { tenant: 'default/acme', elapsed_ms: 7 },
        },
      ],
    );
  });

  it('leaves out what is below its level, in both places', () => {
    const { logger, ring, lines } = open();
    logger.debug('detail');
    assert.deepEqual([lines.length, ring.tail().entries.length], [0, 0]);
  });

  it('writes errors with code and cause, and no field beyond 8 KiB', () => {
    const { logger, parsed } = open();
    const cause = Object.assign(new Error('disk'), { code: 'ENOSPC' });
    logger.error('failed', {
      error: new HybridStoreError('storage_full', 'no room', {}, { cause }),
      text: 'x'.repeat(20_000),
      object: { text: 'y'.repeat(20_000) },
    });
    const [line] = parsed();
    const error = line?.['error'] as Record<string, unknown>;
    assert.deepEqual([error['code'], (error['cause'] as Record<string, unknown>)['code']], ['storage_full', 'ENOSPC']);
    assert.equal(String(line?.['text']).length, 8_193);
    assert.equal(String(line?.['object']).length, 8_193);
  });

  it('survives what JSON cannot say: the ring can always be sent', () => {
    const { logger, ring } = open();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    logger.info('odd', { cycle, big: 2n ** 70n, inner: { big: 1n, nothing: undefined }, date: new Date(0) });
    const [entry] = JSON.parse(JSON.stringify(ring.tail().entries)) as { fields: Record<string, unknown> }[];
    assert.match(String(entry?.fields['cycle']), /not serializable/);
    assert.deepEqual(
      [entry?.fields['big'], entry?.fields['inner'], entry?.fields['date']],
      ['1180591620717411303424', { big: '1' }, '1970-01-01T00:00:00.000Z'],
    );
  });

  it('keeps what it was given, whatever becomes of the object later', () => {
    const { logger, ring } = open();
    const state = { rows: 1 };
    logger.info('counted', { state });
    state.rows = 2;
    assert.deepEqual(ring.tail().entries[0]?.fields, { state: { rows: 1 } });
  });
});

describe('the ring', () => {
  it('gives pages of 500 that follow each other, and then nothing', () => {
    const ring = new LogRing();
    fill(ring, 1_200);
    const events: string[] = [];
    let after = 0;
    for (const expected of [500, 500, 200, 0]) {
      const page = ring.tail(after, ring.boot);
      assert.equal(page.entries.length, expected);
      events.push(...page.entries.map((entry) => entry.event));
      after = page.next;
    }
    assert.deepEqual(
      events,
      Array.from({ length: 1_200 }, (_, number) => `e${number}`),
    );
  });

  it('keeps the newest 2,000 and shows by its numbers how many it dropped', () => {
    const ring = new LogRing();
    fill(ring, 2_007);
    const page = ring.tail();
    assert.equal(page.entries[0]?.event, 'e7');
    assert.equal(page.next - page.entries.length, 7);
  });

  it('starts from its oldest entry for a reader of another run', () => {
    const ring = new LogRing();
    fill(ring, 3);
    assert.equal(ring.tail(2, ring.boot).entries.length, 1);
    assert.equal(ring.tail(2, 'another boot').entries.length, 3);
    assert.notEqual(new LogRing().boot, ring.boot);
  });

  it('gives nothing to a reader who is ahead of it', () => {
    const ring = new LogRing();
    fill(ring, 3);
    assert.deepEqual(ring.tail(99, ring.boot), { boot: ring.boot, next: 3, entries: [] });
  });
});
