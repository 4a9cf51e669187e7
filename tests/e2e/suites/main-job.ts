import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Question, questions } from '../answers.ts';
import { eventually, type Platform } from '../platform.ts';
import { dataFolder, normalize, openReference } from '../reference.ts';
import { apply, dataSource, ready, remove, Session, tenant } from '../session.ts';

const flightsColumns = {
  schema: {
    columns: [
      { name: 'delay', type: 'bigint' },
      { name: 'distance', type: 'bigint' },
      { name: 'time', type: 'double' },
    ],
  },
};
const rowsPerRequest = 5_000;

/** Apply, write real rows, ask: the reason why this platform exists. */
export function mainJob(open: () => Platform): void {
  describe('the main job', () => {
    const objects = [
      tenant('real-data'),
      dataSource('real-data', 'flights', flightsColumns),
      dataSource('real-data', 'movies'),
      dataSource('real-data', 'earthquakes', {
        schema: {
          columns: [
            { name: 'id', type: 'string' },
            { name: 'properties', type: 'json' },
            { name: 'geometry', type: 'json' },
          ],
        },
      }),
    ];
    let session: Session;
    let reference: (sql: string) => Promise<unknown[][]>;

    before(async () => {
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      session = await Session.open(open(), 'default/real-data');
      reference = await openReference();
    });
    after(() => remove(open(), ...objects.toReversed()));

    it('acknowledges 200,000 flights, 3,201 irregular movies and the nested earthquakes', async () => {
      await load(session, 'flights', readRows('flights-200k.json'));
      await load(session, 'movies', readRows('movies.json'));
      const { features } = JSON.parse(readFileSync(join(dataFolder, 'earthquakes.json'), 'utf8')) as {
        features: { id: string; properties: object; geometry: object }[];
      };
      await load(
        session,
        'earthquakes',
        features.map(({ id, properties, geometry }) => ({ id, properties, geometry })),
      );
      assert.deepEqual(
        await Promise.all(['flights', 'movies', 'earthquakes'].map((source) => session.count(source))),
        [200_000, 3_201, 1_707],
      );
    });

    const askAll = (state: string) => {
      for (const question of questions) {
        it(`answers as DuckDB does, ${state}: ${question.name}`, async () => {
          assert.deepEqual(normalize(await ask(session, question)), normalize(await reference(question.reference)));
        });
      }
    };

    askAll('fresh and partly flushed');

    it('reads nested documents by path', async () => {
      const rows = await session.sql(
        `SELECT COUNT(*) AS n, MAX(CAST(properties->>'mag' AS DOUBLE)) AS m FROM earthquakes WHERE CAST(properties->>'mag' AS DOUBLE) > 4.5`,
        { dialect: 'duckdb' },
      );
      const { features } = JSON.parse(readFileSync(join(dataFolder, 'earthquakes.json'), 'utf8')) as {
        features: { properties: { mag: number | null } }[];
      };
      const strong = features.map((one) => one.properties.mag ?? 0).filter((mag) => mag > 4.5);
      assert.deepEqual(normalize(rows), [[strong.length, Math.max(...strong)]]);
    });

    it('merges small files and answers the same afterwards', async () => {
      for (let round = 0; round < 3; round += 1) {
        await load(session, 'flights', [{ delay: 1, distance: 1, time: 0 }]);
        await eventually('everything committed', async () =>
          (await session.get('/sources/flights/stats')).body['unflushed_rows'] === 0 ? true : undefined,
        );
      }
      const answer = await session.post('/metadata/compact', { source_id: 'flights', force: true });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      const [result] = answer.body['results'] as { state: string; files_before: number; files_after: number }[];
      assert.equal(result?.state, 'done', JSON.stringify(answer.body));
      assert.ok(result.files_after < result.files_before, JSON.stringify(result));
      assert.equal(await session.count('flights'), 200_003);
      const rows = await session.sql('SELECT SUM(delay) AS d FROM flights WHERE distance > 1');
      assert.deepEqual(
        normalize(rows),
        normalize(await reference('select sum(delay) from flights_file where distance > 1')),
      );
    });

    it('streams one JSON object a row when asked for NDJSON', async () => {
      const response = await fetch(`${open().gateway}/query/sql`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${session.token}`,
          'content-type': 'application/json',
          accept: 'application/x-ndjson',
        },
        body: JSON.stringify({
          query: 'SELECT delay, distance FROM flights WHERE delay > 500 ORDER BY delay, distance',
        }),
      });
      assert.equal(response.headers.get('content-type')?.split(';')[0], 'application/x-ndjson');
      const rows = (await response.text())
        .trimEnd()
        .split('\n')
        .map((line) => Object.values(JSON.parse(line) as object));
      assert.deepEqual(
        normalize(rows),
        normalize(
          await reference('select delay, distance from flights_file where delay > 500 order by delay, distance'),
        ),
      );
    });

    it('finds and aggregates without SQL', async () => {
      const found = await session.post('/data/search', {
        source_id: 'flights',
        conditions: [{ field: 'delay', operator: 'gt', value: 900 }],
        limit: 1_000,
      });
      assert.deepEqual(
        [found.status, found.body.row_count],
        [200, Number((await reference('select count(*) from flights_file where delay > 900'))[0]?.[0])],
      );
      const grouped = await session.post('/data/aggregate', {
        source_id: 'movies',
        group_by: ['MPAA Rating'],
        aggregations: [{ function: 'count', field: '*', alias: 'n' }],
        order_by: [{ field: 'n', direction: 'desc' }],
      });
      assert.deepEqual(
        normalize(grouped.body.rows ?? []),
        normalize(
          await reference(`select doc->>'MPAA Rating' r, count(*) n from movies_file group by r order by n desc`),
        ),
      );
    });

    const restart = open().restart;
    if (restart) {
      it('comes back after a restart with every row', async () => {
        await restart();
        await ready(open(), ...objects);
        session = await Session.open(open(), 'default/real-data');
        assert.deepEqual(
          await Promise.all(['flights', 'movies', 'earthquakes'].map((source) => session.count(source))),
          [200_003, 3_201, 1_707],
        );
      });
    }
  });
}

function readRows(file: string): object[] {
  return JSON.parse(readFileSync(join(dataFolder, file), 'utf8')) as object[];
}

async function load(session: Session, sourceId: string, rows: readonly object[]): Promise<void> {
  for (let start = 0; start < rows.length; start += rowsPerRequest) {
    const batch = rows.slice(start, start + rowsPerRequest);
    const answer = await session.write(sourceId, batch, {
      'idempotency-key': `${sourceId}-${start}-${rows.length}-${crypto.randomUUID()}`,
    });
    assert.deepEqual([answer.status, answer.body['accepted']], [200, batch.length], JSON.stringify(answer.body));
  }
}

async function ask(session: Session, { ask: asked }: Question): Promise<unknown[][]> {
  if ('sql' in asked)
    return session.sql(asked.sql, {
      ...(asked.dialect ? { dialect: asked.dialect } : {}),
      ...(asked.parameters ? { parameters: asked.parameters } : {}),
    });
  const answer = await session.post('/query/dsl', { query: asked.dsl });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.rows ?? [];
}
