import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideDue, decideNextRun } from '../src/domain/compaction-schedule.ts';
import { parseWindow } from '../src/domain/compaction-window.ts';

const minuteMs = 60_000;
const at = (text: string) => Date.parse(`2026-03-10T${text}Z`);
const hourly = { policy_id: 'default/hourly', enabled: true, interval_minutes: 60 };
const night = { ...hourly, window: '* 2-4 * * *' };
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

test('a run is due one interval after the last one, on the minute', () => {
  assert.equal(
    iso(decideNextRun(hourly, { nowMs: at('10:00:30'), lastRunAtMs: at('10:00:12') })),
    '2026-03-10T11:00:00.000Z',
  );
});

test('a first run and a missed run come once, within a tenth of the interval', () => {
  for (const lastRunAtMs of [null, at('01:00:00')]) {
    const nextMs = decideNextRun(hourly, { nowMs: at('10:00:00'), lastRunAtMs })!;
    assert.ok(nextMs >= at('10:00:00') && nextMs < at('10:05:00'));
  }
});

test('policies are spread by their names, always in the same way', () => {
  const next = (policy_id: string) => decideNextRun({ ...hourly, policy_id }, { nowMs: 0, lastRunAtMs: null });
  const moments = new Set(Array.from({ length: 50 }, (_, index) => next(`default/p${index}`)));
  assert.ok(moments.size > 45);
  assert.equal(next('default/p1'), next('default/p1'));
});

test('a window moves a due run to its next minute', () => {
  assert.equal(
    iso(decideNextRun(night, { nowMs: at('10:00:00'), lastRunAtMs: at('09:30:00') })),
    '2026-03-11T02:00:00.000Z',
  );
  assert.equal(
    iso(decideNextRun(night, { nowMs: at('02:30:00'), lastRunAtMs: at('02:10:20') })),
    '2026-03-10T03:10:00.000Z',
  );
});

test('a daily run in a window of one minute does not drift out of it', () => {
  const daily = { ...hourly, interval_minutes: 1_440, window: '0 3 * * *' };
  let lastRunAtMs = at('03:00:19');
  for (let day = 11; day < 20; day += 1) {
    const nextMs = decideNextRun(daily, { nowMs: lastRunAtMs, lastRunAtMs })!;
    assert.equal(iso(nextMs), `2026-03-${day}T03:00:00.000Z`);
    lastRunAtMs = nextMs + 19_000;
  }
});

test('a policy that is off, or whose window never opens, has no next run', () => {
  const times = { nowMs: at('10:00:00'), lastRunAtMs: null };
  assert.equal(decideNextRun({ ...hourly, enabled: false }, times), null);
  assert.equal(decideNextRun({ ...hourly, window: '0 0 30 2 *' }, times), null);
});

const state = (nextRunAtMs: number | null, decidedAtMs: number, lastRunAtMs: number | null = null) => ({
  policyId: 'default/hourly',
  lastRunAtMs,
  nextRunAtMs,
  decidedAtMs,
  lastResults: [],
});

test('a policy runs when its moment has come and its window is open', () => {
  const nowMs = at('03:00:00');
  assert.equal(decideDue(hourly, state(nowMs, nowMs - minuteMs), nowMs), 'run');
  assert.equal(decideDue(hourly, state(nowMs + 1, nowMs - minuteMs), nowMs), 'wait');
  assert.equal(decideDue(night, state(nowMs, nowMs - minuteMs), nowMs), 'run');
  assert.equal(decideDue(night, state(nowMs, nowMs - minuteMs), at('05:00:00')), 'decide');
});

test('a clock that went back makes the next run be decided anew', () => {
  const nowMs = at('03:00:00');
  assert.equal(decideDue(hourly, state(nowMs + 90 * minuteMs, nowMs + 30 * minuteMs), nowMs), 'decide');
  assert.equal(decideDue(hourly, state(nowMs, nowMs - 1, nowMs + minuteMs), nowMs), 'decide');
});

test('a policy that was switched off waits, one switched on again is decided anew', () => {
  const nowMs = at('03:00:00');
  assert.equal(decideDue({ ...hourly, enabled: false }, state(nowMs, nowMs), nowMs), 'wait');
  assert.equal(decideDue(hourly, state(null, nowMs), nowMs), 'decide');
});

test('only cron expressions of five fields are windows', () => {
  for (const good of ['* * * * *', '*/15 2-4 * * MON-FRI', '0 0 1 * *']) assert.ok(parseWindow(good), good);
  for (const bad of [
    '',
    '* * * *',
    '* * * * * *',
    '@daily',
    '2026-01-01T00:00:00',
    '61 * * * *',
    'a b c d e',
    `${'1,'.repeat(200)}1 * * * *`,
  ])
    assert.equal(parseWindow(bad), undefined, bad);
});
