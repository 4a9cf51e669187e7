import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { isHybridStoreError, type PlanExpression } from '@hybridstore/contracts';
import fc from 'fast-check';
import {
  call,
  checkPlan,
  column,
  finishPlan,
  localTime,
  printDuckdb,
  readTimeZone,
  text,
  timeZoneNames,
  timeZoneText,
  truncateInZone,
  utcTime,
} from '../src/index.ts';

/** Zones of whole, half and quarter hours, with changes at midnight, of half an hour, of a day, and of none. */
const zones = [
  ...['Europe/Berlin', 'Europe/Lisbon', 'Europe/Dublin', 'America/New_York', 'America/St_Johns', 'America/Sao_Paulo'],
  ...['Australia/Lord_Howe', 'Pacific/Chatham', 'Pacific/Apia', 'Pacific/Kwajalein', 'Asia/Kolkata', 'Asia/Kathmandu'],
  ...['Asia/Hong_Kong', 'Africa/Cairo', 'Asia/Beirut', 'Africa/Monrovia', 'Antarctica/Troll', 'Asia/Gaza', 'Etc/GMT+5'],
];
const hourMicros = 3_600_000_000n;
/** A day within the years 1 and 9999, so that no clock leaves them. */
const microsMin = -62_135_510_400_000_000n;
const microsMax = 253_402_214_399_999_999n;
const runs = Number(process.env['ZONE_RUNS'] ?? 40);
const momentsPerRun = 25;

const toMicros = (time: Temporal.Instant): bigint => time.epochNanoseconds / 1_000n;
const toInstant = (micros: bigint): Temporal.Instant => new Temporal.Instant(micros * 1_000n);
/** Microseconds that clocks show, as if they showed UTC. */
const toClock = (micros: bigint, zone: string): bigint =>
  micros + BigInt(toInstant(micros).toZonedDateTimeISO(zone).offsetNanoseconds) / 1_000n;
const clockTime = (micros: bigint): Temporal.PlainDateTime =>
  toInstant(micros).toZonedDateTimeISO('UTC').toPlainDateTime();

/** Moments at which clocks of a zone are changed, from 1880 on; rules go on for ever. */
function changesOf(zone: string): readonly bigint[] {
  const found: bigint[] = [];
  let at = Temporal.Instant.from('1880-01-01T00:00:00Z').toZonedDateTimeISO(zone);
  for (;;) {
    const next = at.getTimeZoneTransition('next');
    if (!next || next.year > 2150) return found;
    found.push(toMicros(next.toInstant()));
    at = next;
  }
}

/** Anywhere in time, and close to where clocks are changed. */
function momentsIn(zone: string): fc.Arbitrary<bigint> {
  const changes = changesOf(zone);
  const anywhere = fc.bigInt({ min: microsMin, max: microsMax });
  if (changes.length === 0) return anywhere;
  const step = fc.constantFrom(
    0n,
    1n,
    -1n,
    hourMicros / 2n,
    -hourMicros / 2n,
    hourMicros,
    -hourMicros,
    26n * hourMicros,
  );
  const close = fc.tuple(fc.constantFrom(...changes), step).map(([change, distance]) => change + distance);
  return fc.oneof({ weight: 1, arbitrary: anywhere }, { weight: 4, arbitrary: close });
}

const cases = fc.constantFrom(...zones).chain((zone) =>
  fc.record({
    zone: fc.constant(zone),
    moments: fc.array(momentsIn(zone), { minLength: 1, maxLength: momentsPerRun }),
  }),
);

describe('time zones in the engine', () => {
  let connection: DuckDBConnection;
  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    await connection.run("SET TimeZone = 'UTC'");
  });
  after(() => connection.closeSync());

  /** What the engine makes of moments of a table, in microseconds. */
  async function ask(value: PlanExpression, moments: readonly bigint[]): Promise<readonly (bigint | null)[]> {
    const plan = finishPlan({
      kind: 'query',
      body: {
        kind: 'select',
        projections: [{ name: 'x', value: call('epoch_us', value) }],
        from: { kind: 'scan', source: 't', alias: 't', columns: ['at'] },
      },
    });
    checkPlan(plan);
    const rows = moments.map((micros) => `(make_timestamp(${micros}))`).join(', ');
    const printed = printDuckdb(plan).sql;
    const reader = await connection.runAndReadAll(`WITH "t"("at") AS (VALUES ${rows}) ${printed}`);
    return reader.getRows().map(([micros]) => (micros === null ? null : BigInt(String(micros))));
  }

  const at = column('t', 'at');
  const each = (check: (zone: string, moments: readonly bigint[]) => Promise<void>) =>
    fc.assert(
      fc.asyncProperty(cases, ({ zone, moments }) => check(zone, moments)),
      { numRuns: runs },
    );

  it('are shown by clocks as they are elsewhere', () =>
    each(async (zone, moments) => {
      const found = await ask(localTime(zone, at), moments);
      assert.deepEqual(
        found,
        moments.map((micros) => toClock(micros, zone)),
        zone,
      );
    }));

  it('lead back to the second of two moments, and over a gap by the clocks before it', () =>
    each(async (zone, moments) => {
      const clocks = moments.map((micros) => toClock(micros, zone));
      const found = await ask(utcTime(zone, at), [...moments, ...clocks]);
      const expected = [...moments, ...clocks].map((micros) =>
        toMicros(clockTime(micros).toZonedDateTime(zone, { disambiguation: 'later' }).toInstant()),
      );
      assert.deepEqual(found, expected, zone);
    }));

  it('lead back to the first of two moments, and from a gap to where it begins, between 1970 and 2100', () =>
    each(async (zone, moments) => {
      const known = moments.filter((micros) => micros > 0n && micros < 4_102_000_000_000_000n);
      if (known.length === 0) return;
      const clocks = [...known, ...known.map((micros) => toClock(micros, zone))];
      const changes = changesOf(zone);
      const expected = clocks.map((micros) => {
        const first = toMicros(clockTime(micros).toZonedDateTime(zone, { disambiguation: 'earlier' }).toInstant());
        const later = toMicros(clockTime(micros).toZonedDateTime(zone, { disambiguation: 'later' }).toInstant());
        const isOnClocks = toClock(first, zone) === micros;
        return isOnClocks ? first : (changes.findLast((change) => change <= later) ?? 0n) + (micros % 1_000_000n);
      });
      assert.deepEqual(await ask(utcTime(zone, at, 'earliest_utc_time'), clocks), expected, zone);
    }));

  it('begin their days and months by their clocks, their hours where these are cut', () =>
    each(async (zone, moments) => {
      for (const unit of ['hour', 'day', 'month'] as const) {
        const found = await ask(truncateInZone(unit, at, zone), moments);
        const expected = moments.map((micros) => {
          const clock = toClock(micros, zone);
          const begin = toMicros(beginOf(clockTime(clock), unit).toZonedDateTime('UTC').toInstant());
          if (unit === 'hour') return micros - (clock - begin);
          return toMicros(clockTime(begin).toZonedDateTime(zone, { disambiguation: 'later' }).toInstant());
        });
        assert.deepEqual(found, expected, `${zone} ${unit}`);
      }
    }));

  it('are all known to it by name, and to this machine', async () => {
    assert.equal(new Set(timeZoneNames).size, timeZoneNames.length);
    for (const name of timeZoneNames) {
      const [noon] = await ask(localTime(name, at), [1_718_452_800_000_000n]);
      assert.equal(noon, toClock(1_718_452_800_000_000n, name), name);
    }
  });

  it('have no time where there is none', async () => {
    const nothing: PlanExpression = { kind: 'literal', type: 'timestamp', value: null };
    for (const name of ['local_time', 'utc_time', 'earliest_utc_time'])
      for (const zone of ['Europe/Berlin', '+02:00'])
        assert.deepEqual(await ask(call(name, text(zone), nothing), [0n]), [null], `${name} ${zone}`);
  });
});

function beginOf(time: Temporal.PlainDateTime, unit: 'hour' | 'day' | 'month'): Temporal.PlainDateTime {
  const hour = time.with({ minute: 0, second: 0, millisecond: 0, microsecond: 0, nanosecond: 0 });
  if (unit === 'hour') return hour;
  return unit === 'day' ? hour.with({ hour: 0 }) : hour.with({ hour: 0, day: 1 });
}

describe('a text', () => {
  const read = (zone: string) => timeZoneText(readTimeZone(zone));

  it('names a zone in any case, or is an offset', () => {
    const spelled = {
      'europe/berlin': 'Europe/Berlin',
      'ASIA/KOLKATA': 'Asia/Kolkata',
      UTC: '+00:00',
      'etc/gmt': '+00:00',
      '+5:45': '+05:45',
      '-03:30': '-03:30',
      '-00:00': '+00:00',
      '+14:00': '+14:00',
    };
    for (const [given, expected] of Object.entries(spelled)) assert.equal(read(given), expected);
  });

  it('that names no zone is refused, with the nearest name', () => {
    const nearest: Readonly<Record<string, string | undefined>> = {
      'Europe/Berln': 'Europe/Berlin',
      'Asia/Calcuta': 'Asia/Calcutta',
      '+14:01': undefined,
      '+02:60': undefined,
      "Europe/Berlin'": 'Europe/Berlin',
      'Europe/Berlin; DROP': undefined,
    };
    for (const [given, name] of Object.entries(nearest))
      assert.throws(
        () => read(given),
        (error) =>
          isHybridStoreError(error, 'invalid_request') &&
          error.details['actual'] === given &&
          (name === undefined || error.details['nearest'] === name),
        given,
      );
  });

  it('is the only zone that a plan takes', () => {
    const zoned = (zone: PlanExpression, parameters: Parameters<typeof finishPlan>[1] = []) =>
      finishPlan(
        {
          kind: 'query',
          body: {
            kind: 'select',
            projections: [{ name: 'x', value: call('local_time', zone, column('t', 'at')) }],
            from: { kind: 'scan', source: 't', alias: 't', columns: ['at', 'zone'] },
          },
        },
        parameters,
      );
    checkPlan(zoned(text('Europe/Berlin')));
    assert.throws(() => checkPlan(zoned(text('Nowhere/Land'))), /'Nowhere\/Land' is not a time zone/);
    assert.throws(() => checkPlan(zoned(column('t', 'zone'))), /takes a time zone that is a text of the plan/);
    const bound = zoned({ kind: 'parameter', index: 0 }, [{ type: 'string', value: 'Europe/Berlin' }]);
    assert.throws(() => checkPlan(bound), /takes a time zone that is a text of the plan/);
    assert.throws(() => printDuckdb(bound), /takes a time zone that is a text/);
  });
});
