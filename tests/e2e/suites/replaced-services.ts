import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listAll, type Pod, pods, type Stored } from '@hybridstore/controller-runtime';
import { eventually, type Platform } from '../platform.ts';
import { apply, assertExactlyOnce, dataSource, idColumns, ingest, ready, remove, Session, tenant } from '../session.ts';

/** Longer than schemas are used unasked. */
const awayMs = 8_000;
const askersCount = 2;
const newTextsCount = 10;

/** Services that run once may be replaced: who asks and writes meanwhile sees nothing of it. */
export function replacedServices(open: () => Platform): void {
  describe('a shared service that is replaced', () => {
    const objects = [tenant('steady', { replicas: 1 }), dataSource('steady', 'ledger', idColumns)];
    let session: Session;
    let acknowledged: number[] = [];

    before(async () => {
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      session = await Session.open(open(), 'default/steady');
      acknowledged = await ingest(session, 'ledger', { from: 0, batches: 5, rowsPerBatch: 20, key: 'before' });
    });
    after(() => remove(open(), ...objects.toReversed()));

    it('costs no query where it is the catalog, killed again and again', { timeout: 180_000 }, async (context) => {
      const count = 'SELECT COUNT(*) AS n, MAX(note) AS note FROM ledger WHERE id >= 0';
      const { kills, answers } = await whileAsked(session, ['SELECT * FROM ledger LIMIT 1', count], () =>
        killAgainAndAgain(open(), 'metadata-catalog'),
      );
      context.diagnostic(`${kills} kills, ${describeAnswers(answers)}`);
      assert.deepEqual(failuresOf(answers), []);
      assert.ok(kills > 0 && answers.length > 0);
      await assertExactlyOnce(session, 'ledger', acknowledged);
    });

    it('costs nobody an answer where interpreters start beside a catalog that is away', {
      timeout: 180_000,
    }, async () => {
      // Of a text that nobody has asked before, no plan is kept; an interpreter that has just started knows no sources.
      const ask = async (name: string) => {
        const { status, body } = await session.post('/query/sql', { query: `SELECT COUNT(*) AS ${name} FROM ledger` });
        return status === 200 ? undefined : `${name}: ${status} ${JSON.stringify(body)}`;
      };
      const failed = await killWhile(open(), 'metadata-catalog', async () => {
        const known = (await podsOf(open(), 'query-interpreter')).map(startOf);
        for (const pod of await podsOf(open(), 'query-interpreter'))
          await open().killPod(open().systemNamespace, pod.metadata.name);
        await eventually('other interpreters', async () => {
          const running = (await podsOf(open(), 'query-interpreter')).filter(isReady).map(startOf);
          return running.length > 0 && !running.some((start) => known.includes(start)) ? true : undefined;
        });
        let tries = 0;
        await eventually('an interpreter again', async () => {
          tries += 1;
          return (await ask(`try_${tries}`)) === undefined ? true : undefined;
        });
        const answers = [];
        for (let place = 0; place < newTextsCount; place += 1) answers.push(await ask(`text_${place}`));
        return answers.filter((answer) => answer !== undefined);
      });
      assert.deepEqual(failed, []);
      await isReadyAgain(open(), 'metadata-catalog');
    });
  });
}

type Asked = { readonly status: number; readonly ms: number; readonly text: string };

/** Asks as a client does that repeats nothing, until `task` has ended. */
async function whileAsked(session: Session, queries: readonly string[], task: () => Promise<number>) {
  for (const query of queries) await session.sql(query);
  const answers: Asked[] = [];
  let isOver = false;
  const askers = Array.from({ length: askersCount }, async () => {
    for (let turn = 0; !isOver; turn += 1) {
      const startedMs = performance.now();
      const { status, body } = await session.post('/query/sql', { query: queries[turn % queries.length] });
      answers.push({ status, ms: performance.now() - startedMs, text: JSON.stringify(body) });
    }
  });
  try {
    return { kills: await task(), answers };
  } finally {
    isOver = true;
    await Promise.all(askers);
  }
}

/** For longer than anything is held unasked; then one is ready. */
async function killAgainAndAgain(platform: Platform, service: string): Promise<number> {
  let kills = 0;
  await killWhile(
    platform,
    service,
    () => new Promise((resolve) => setTimeout(resolve, awayMs)),
    () => {
      kills += 1;
    },
  );
  await isReadyAgain(platform, service);
  return kills;
}

/** Whatever pod of the service there is dies as soon as it runs, until the task has ended. */
async function killWhile<T>(
  platform: Platform,
  service: string,
  task: () => Promise<T>,
  onKill: () => void = () => {},
): Promise<T> {
  let isOver = false;
  const killing = (async () => {
    while (!isOver) {
      for (const pod of await podsOf(platform, service)) {
        await platform.killPod(platform.systemNamespace, pod.metadata.name);
        onKill();
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  try {
    return await task();
  } finally {
    isOver = true;
    await killing;
  }
}

async function isReadyAgain(platform: Platform, service: string): Promise<void> {
  await eventually(`${service} ready again`, async () =>
    (await podsOf(platform, service)).some(isReady) ? true : undefined,
  );
}

async function podsOf(platform: Platform, service: string): Promise<readonly Stored<Pod>[]> {
  const labelSelector = `hybridstore.dev/shared-service=${service}`;
  const { items } = await listAll(platform.kube, pods, { namespace: platform.systemNamespace, labelSelector });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Which start of a container it is. */
function startOf({ metadata, status }: Stored<Pod>): string {
  return `${metadata.uid} ${status?.containerStatuses?.map(({ restartCount }) => restartCount).join()}`;
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

function failuresOf(answers: readonly Asked[]): readonly string[] {
  return answers.filter(({ status }) => status !== 200).map(({ status, text }) => `${status} ${text}`);
}

function describeAnswers(answers: readonly Asked[]): string {
  const longestMs = Math.max(...answers.map(({ ms }) => ms));
  return `${answers.length} queries, ${failuresOf(answers).length} failed, the longest took ${Math.round(longestMs)} ms`;
}
