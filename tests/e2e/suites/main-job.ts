import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { listAll, pods } from '@hybridstore/controller-runtime';
import { type ComparedQuery, comparedQueries } from '../compared-queries.ts';
import { eventually, type Platform } from '../platform.ts';
import { dataFolder, normalize, openReference, type Reference } from '../reference.ts';
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
/** What is written before each query of fresh rows. */
const slice = { flights: 5_000, movies: 100 };
const slicesPerQuestionMax = 3;

/** Apply, write real rows, ask: the reason why this platform exists. The same questions in every state that rows can be in. */
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
    const all = { flights: 200_000, movies: 3_201 };
    const rowsOf: { flights: object[]; movies: object[] } = { flights: [], movies: [] };
    const written = { flights: 0, movies: 0 };
    let session: Session;
    let reference: Reference;

    before(async () => {
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      session = await Session.open(open(), 'default/real-data');
      reference = await openReference();
      rowsOf.flights = readRows('flights-200k.json');
      rowsOf.movies = readRows('movies.json');
    });
    after(() => remove(open(), ...objects.toReversed()));

    /** Writes the next rows of both files. Batch ids are fixed, and with them which node gets which batch: each has some. */
    async function writeNext(): Promise<void> {
      for (const name of ['flights', 'movies'] as const) {
        const batch = rowsOf[name].slice(written[name], written[name] + slice[name]);
        if (batch.length > 0) await write(session, name, batch, `${name}-${written[name]}`);
        written[name] += batch.length;
      }
    }

    for (const question of comparedQueries) {
      it(`answers as DuckDB does, from rows that are in memory only: ${question.name}`, async () => {
        // A flush may come between the acknowledgement and the question: the answer must be right all the same, and the
        // next rows are asked about instead.
        for (let slices = 1; ; slices += 1) {
          await writeNext();
          const answer = await ask(session, question);
          await reference.limitTo(written);
          await assertSame(answer, question);
          if (Number(answer.stats.fresh_rows) > 0) return;
          assert.ok(slices < slicesPerQuestionMax, `${slices} answers without a fresh row`);
        }
      });
    }

    it('has acknowledged 200,000 flights, 3,201 irregular movies and the nested earthquakes', async () => {
      while (written.flights < all.flights || written.movies < all.movies) await writeNext();
      await reference.limitTo(all);
      const { features } = JSON.parse(readFileSync(join(dataFolder, 'earthquakes.json'), 'utf8')) as {
        features: { id: string; properties: object; geometry: object }[];
      };
      await write(
        session,
        'earthquakes',
        features.map(({ id, properties, geometry }) => ({ id, properties, geometry })),
        'earthquakes-0',
      );
      assert.deepEqual(await counts(session), [200_000, 3_201, 1_707]);
    });

    const flushedFiles = new Map<string, number>();
    it('has flushed them: no row is in memory, and each table has several files', async () => {
      await untilCommitted(session, all);
      for (const source of ['flights', 'movies']) {
        const { files } = await stats(session, source);
        assert.ok(files > 1, source);
        flushedFiles.set(source, files);
      }
    });

    const askAll = (state: string) => {
      for (const question of comparedQueries) {
        it(`answers as DuckDB does, ${state}: ${question.name}`, async () => {
          const answer = await ask(session, question);
          await assertSame(answer, question);
          assert.equal(answer.stats.fresh_rows, 0);
        });
      }
    };

    async function assertSame(answer: Answered, question: ComparedQuery): Promise<void> {
      assert.deepEqual(normalize(answer.rows), normalize(await reference.ask(question.reference)));
    }

    askAll('from flushed files');

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

    it('merges the files of each table into fewer', async () => {
      for (const source of ['flights', 'movies']) {
        const before = (await stats(session, source)).files;
        const answer = await session.post('/metadata/compact', { source_id: source, force: true });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        const [result] = answer.body['results'] as { state: string; files_before: number; files_after: number }[];
        const { files, rows } = await stats(session, source);
        // The catalog's own schedule may have come first, and has left one file then.
        if (before > 1)
          assert.deepEqual([result?.state, result?.files_before, result?.files_after], ['done', before, files]);
        const flushed = flushedFiles.get(source) ?? 0;
        assert.ok(files < flushed, `${source}: ${flushed} files before, ${files} after`);
        assert.equal(rows, all[source as keyof typeof all]);
      }
    });

    askAll('from compacted files');

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
          await reference.ask('select delay, distance from flights_file where delay > 500 order by delay, distance'),
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
        [200, Number((await reference.ask('select count(*) from flights_file where delay > 900'))[0]?.[0])],
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
          await reference.ask(`select doc->>'MPAA Rating' r, count(*) n from movies_file group by r order by n desc`),
        ),
      );
    });

    it('comes back with every row when all nodes have died or the platform was restarted', async () => {
      const before = await incarnations(open());
      await restartAll(open());
      await ready(open(), ...objects);
      const after = await incarnations(open());
      assert.equal(after.length, 2);
      for (const incarnation of after) assert.ok(!before.includes(incarnation), `${incarnation} was never restarted`);
      session = await Session.open(open(), 'default/real-data');
      assert.deepEqual(await counts(session), [200_000, 3_201, 1_707]);
    });

    askAll('after a restart');
  });
}

/** Everything stops and starts again where that can be had; else every node of the tenant dies. */
async function restartAll(platform: Platform): Promise<void> {
  if (platform.restart) return platform.restart();
  for (const pod of ['hs-real-data-0', 'hs-real-data-1']) await platform.killPod('default', pod);
}

/** Names a run of each node: another container has another count or another pod. */
async function incarnations(platform: Platform): Promise<string[]> {
  return eventually('both nodes are ready', async () => {
    const { items } = await listAll(platform.kube, pods, { namespace: 'default' });
    const nodes = items.filter((pod) => pod.metadata.name.startsWith('hs-real-data-'));
    const areReady = nodes.every((pod) => pod.status?.containerStatuses?.[0]?.ready === true);
    if (nodes.length !== 2 || !areReady) return undefined;
    return nodes.map((pod) => `${pod.metadata.uid} run ${pod.status?.containerStatuses?.[0]?.restartCount}`);
  });
}

type Stats = { readonly rows: number; readonly files: number; readonly unflushed_rows: number };

async function stats(session: Session, source: string): Promise<Stats> {
  return (await session.get(`/sources/${source}/stats`)).body as unknown as Stats; // by the contract of the endpoint
}

async function untilCommitted(session: Session, rows: Readonly<Record<string, number>>): Promise<void> {
  for (const [source, expected] of Object.entries(rows))
    await eventually(`every row of ${source} committed`, async () => {
      const now = await stats(session, source);
      if (now.unflushed_rows === 0 && now.rows === expected) return true;
      throw new Error(JSON.stringify(now));
    });
}

function counts(session: Session): Promise<number[]> {
  return Promise.all(['flights', 'movies', 'earthquakes'].map((source) => session.count(source)));
}

function readRows(file: string): object[] {
  return JSON.parse(readFileSync(join(dataFolder, file), 'utf8')) as object[];
}

async function write(session: Session, sourceId: string, rows: readonly object[], key: string): Promise<void> {
  const answer = await session.write(sourceId, rows, { 'idempotency-key': key });
  assert.deepEqual([answer.status, answer.body['accepted']], [200, rows.length], JSON.stringify(answer.body));
}

type Answered = { readonly rows: unknown[][]; readonly stats: { readonly fresh_rows?: number } };

async function ask(session: Session, { ask: asked }: ComparedQuery): Promise<Answered> {
  const answer =
    'sql' in asked
      ? await session.post('/query/sql', {
          query: asked.sql,
          ...(asked.dialect ? { dialect: asked.dialect } : {}),
          ...(asked.parameters ? { parameters: asked.parameters } : {}),
        })
      : await session.post('/query/dsl', { query: asked.dsl });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return { rows: answer.body.rows ?? [], stats: answer.body['stats'] as Answered['stats'] };
}
