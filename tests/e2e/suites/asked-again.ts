import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { call, eventually, type Platform } from '../platform.ts';
import { apply, dataSource, idColumns, ready, remove, Session, tenant } from '../session.ts';

const everything = 'SELECT * FROM ledger ORDER BY id';
const named = 'SELECT id, note FROM ledger ORDER BY id';
const counted = 'SELECT COUNT(*) AS n FROM ledger WHERE id >= 0';

/** The same statement before and after whatever may change its answer. Its plan is kept; the second answer must be right. */
export function askedAgain(open: () => Platform): void {
  describe('a statement that is asked again', () => {
    const grown = {
      deletionPolicy: 'Delete',
      schema: { columns: [...idColumns.schema.columns, { name: 'amount', type: 'double' }] },
    };
    const other = {
      schema: {
        columns: [
          { name: 'note', type: 'bigint' },
          { name: 'id', type: 'string' },
        ],
      },
    };
    const one = tenant('again', { replicas: 1 });
    const two = tenant('again', { replicas: 2 });
    const source = dataSource('again', 'ledger', { ...idColumns, deletionPolicy: 'Delete' });
    const objects = [one, source];
    let session: Session;

    const columnsOf = async (query: string) => {
      const { status, body } = await session.post('/query/sql', { query });
      assert.equal(status, 200, JSON.stringify(body));
      return [body.columns?.map(({ name }) => name), body.rows];
    };
    const isKept = async (query: string) =>
      ((await session.post('/query/sql', { query })).body['stats'] as { plan_cached: boolean }).plan_cached;

    before(async () => {
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      session = await Session.open(open(), 'default/again');
      assert.equal((await session.write('ledger', [{ id: 1, note: 'first' }])).status, 200);
    });
    after(() => remove(open(), ...objects.toReversed()));

    it('has its plan kept, and each new row in its answer', async () => {
      assert.deepEqual(await session.sql(named), [[1, 'first']]);
      // Each operation node keeps its own: the second one that is asked reads the text once more.
      await eventually('its plan kept', async () => ((await isKept(named)) ? true : undefined));
      for (let id = 2; id <= 10; id += 1) {
        assert.equal((await session.write('ledger', [{ id, note: `row ${id}` }])).status, 200);
        assert.equal((await session.sql(named)).length, id);
        assert.deepEqual(await session.sql(counted), [[id]]);
      }
    });

    it('has the values of each time', async () => {
      const query = 'SELECT note FROM ledger WHERE id = ?';
      for (const id of [1, 7, 3])
        assert.deepEqual(await session.sql(query, { parameters: [id] }), [[id === 1 ? 'first' : `row ${id}`]]);
      const { status, body } = await session.post('/query/sql', { query, parameters: ['x'] });
      assert.deepEqual([status, body.error?.code], [400, 'invalid_request'], JSON.stringify(body));
    });

    it('has the values of each time where they stand in the text', async () => {
      const noteOf = (id: number) => session.sql(`SELECT note FROM ledger WHERE id = ${id} AND note <> 'none'`);
      for (const id of [1, 7, 3, 1, 99])
        assert.deepEqual(await noteOf(id), id === 99 ? [] : [[id === 1 ? 'first' : `row ${id}`]]);
      // Of the second value there is a plan on each operation node before long, whichever values it was made with.
      let id = 0;
      await eventually('a plan for any value', async () => {
        id += 1;
        return (await isKept(`SELECT id FROM ledger WHERE id = ${id} OR note = 'row ${id}'`)) ? true : undefined;
      });
      assert.deepEqual(await session.sql("SELECT id FROM ledger WHERE id = 4 OR note = 'row 6' ORDER BY id"), [
        [4],
        [6],
      ]);
      assert.deepEqual(await session.sql("SELECT id FROM ledger WHERE id = 6 OR note = 'x' ORDER BY id"), [[6]]);
    });

    it('has the same answer from flushed and merged files', async () => {
      const answer = await columnsOf(everything);
      await eventually('every row committed', async () => {
        const { body } = await session.get('/sources/ledger/stats');
        return body['unflushed_rows'] === 0 ? true : undefined;
      });
      assert.deepEqual(await columnsOf(everything), answer);
      assert.equal((await session.post('/metadata/compact', { source_id: 'ledger', force: true })).status, 200);
      assert.deepEqual(await columnsOf(everything), answer);
    });

    it('has a column that was added meanwhile', async () => {
      assert.deepEqual((await columnsOf(everything))[0], ['id', 'note']);
      const larger = dataSource('again', 'ledger', grown);
      await apply(open(), larger);
      await ready(open(), larger);
      assert.deepEqual((await columnsOf(everything))[0], ['id', 'note', 'amount']);
      assert.equal((await session.write('ledger', [{ id: 11, note: 'last', amount: 2.5 }])).status, 200);
      assert.deepEqual((await session.sql(everything)).at(-1), [11, 'last', 2.5]);
      assert.deepEqual((await session.sql(named)).at(-1), [11, 'last']);
    });

    it('has the same answer from a node that has just come', async () => {
      const answer = await columnsOf(everything);
      await apply(open(), two);
      await ready(open(), two);
      for (let turn = 0; turn < 10; turn += 1) assert.deepEqual(await columnsOf(everything), answer);
      await apply(open(), one);
      await ready(open(), one);
      assert.deepEqual(await columnsOf(everything), answer);
    });

    it('is refused to whom may not read its source, and once the right is taken away', async () => {
      const { gateway } = open();
      const createKey = async (source: string) => {
        const permissions = [{ sources: [source], actions: ['read'] }];
        const { status, body } = await session.post('/auth/keys', { name: `reads-${source}`, permissions });
        assert.equal(status, 201, JSON.stringify(body));
        return body as unknown as { key_id: string; key: string };
      };
      const ask = (key: string) => call(`${gateway}/query/sql`, { query: named }, { headers: { 'x-api-key': key } });
      const [reader, stranger] = [await createKey('ledger'), await createKey('elsewhere')];
      for (let turn = 0; turn < 2; turn += 1) {
        assert.equal((await ask(reader.key)).body.rows?.length, 11);
        const refused = await ask(stranger.key);
        assert.ok(refused.status === 400 || refused.status === 403, JSON.stringify(refused.body));
        assert.equal((await session.sql(named)).length, 11);
      }
      const removed = await call(`${gateway}/auth/keys/${reader.key_id}`, undefined, {
        method: 'DELETE',
        token: session.token,
      });
      assert.equal(removed.status, 200, JSON.stringify(removed.body));
      await eventually('the key refused', async () => ((await ask(reader.key)).status === 401 ? true : undefined));
      assert.equal((await session.sql(named)).length, 11);
    });

    it('means the source that has its name now', async () => {
      await columnsOf(named);
      await remove(open(), source);
      await eventually('the source gone', async () =>
        (await session.post('/query/sql', { query: named })).status === 200 ? undefined : true,
      );
      const again = dataSource('again', 'ledger', other);
      await eventually('the object gone', async () => {
        await apply(open(), again);
        return true;
      });
      await ready(open(), again);
      const written = await session.write('ledger', [{ note: 5, id: 'five' }]);
      assert.equal(written.status, 200, JSON.stringify(written.body));
      assert.deepEqual(await columnsOf(everything), [['note', 'id'], [[5, 'five']]]);
      assert.deepEqual(await columnsOf(named), [['id', 'note'], [['five', 5]]]);
    });
  });
}
