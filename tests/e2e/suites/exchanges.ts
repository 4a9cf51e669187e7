import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cboEngine, metadataCatalog, type PlatformAddresses, platformAddressesFile } from '@hybridstore/contracts';
import { eventually, type Platform } from '../platform.ts';
import { apply, dataSource, idColumns, ready, remove, Session, tenant } from '../session.ts';

const times = 50;
/** Sent once a second at most, for whatever happened since. */
const batched = new Set<string>([cboEngine.reportExecutions.path, metadataCatalog.commitNotice.path]);

/** Work, not time: how many requests between processes a query and a write take. More needs a reason; fewer lowers the budget. */
export function exchanges(open: () => Platform): void {
  describe('the requests between services', () => {
    const objects = [tenant('counted', { replicas: 1 }), dataSource('counted', 'ledger', idColumns)];
    let session: Session;
    let urls: readonly (readonly [service: string, url: string])[];

    before(async () => {
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      session = await Session.open(open(), 'default/counted');
      const path = join(open().dataDir ?? '', platformAddressesFile);
      // Written by the platform under test.
      const { services } = JSON.parse(readFileSync(path, 'utf8')) as PlatformAddresses;
      const { operator: _, ...asked } = services;
      urls = [...Object.entries(asked), ['tenant-node', await open().podUrl('default', 'hs-counted-0')]];
    });
    after(() => remove(open(), ...objects.toReversed()));

    const countAll = async () => {
      const counts = new Map<string, number>();
      for (const [service, url] of urls) {
        const text = await (await fetch(`${url}/metrics`)).text();
        for (const [, method, route = '', count] of text.matchAll(counted)) {
          // Probes, polls and the like are all GET, and come with time instead of with work.
          if (method === 'GET' || batched.has(route)) continue;
          const name = `${service} ${method} ${route}`;
          counts.set(name, (counts.get(name) ?? 0) + Number(count));
        }
      }
      return counts;
    };
    /** What `work` took, done `times` times, for each time; what comes up once in a while beside it, as a compaction, is none. */
    const perTime = async (work: (time: number) => Promise<void>) => {
      const before = await countAll();
      for (let time = 0; time < times; time += 1) await work(time);
      const after = await countAll();
      const grown = [...after].map(
        ([name, count]) => [name, Math.round((count - (before.get(name) ?? 0)) / times)] as const,
      );
      return Object.fromEntries(grown.filter(([, count]) => count > 0).toSorted());
    };

    it('are one at the gateway and one at the node for a write', async () => {
      await session.write('ledger', [{ id: 0, note: 'first' }]);
      assert.deepEqual(
        await perTime(async (id) => {
          assert.equal((await session.write('ledger', [{ id: id + 1, note: 'counted' }])).status, 200);
        }),
        { 'auth-gateway POST /data/write': 1, 'tenant-node POST /data/write': 1 },
      );
    });

    it('are one at each of gateway, operation node and node for a statement that was asked before', async () => {
      const query = 'SELECT COUNT(*) AS n FROM ledger WHERE id > 3';
      await eventually('its plan kept', async () =>
        ((await session.post('/query/sql', { query })).body['stats'] as { plan_cached: boolean }).plan_cached
          ? true
          : undefined,
      );
      assert.deepEqual(await perTime(async () => void (await session.sql(query))), {
        'auth-gateway POST /query/sql': 1,
        'operation-node POST /query/sql': 1,
        'tenant-node POST /internal/execute': 1,
      });
    });

    it('are one more at each of interpreter, optimizer and catalog for a text that nobody has asked', async () => {
      await session.sql('SELECT id FROM ledger WHERE id = -1');
      assert.deepEqual(
        await perTime(async (time) => void (await session.sql(`SELECT id AS name_${time} FROM ledger WHERE id > 3`))),
        {
          'auth-gateway POST /query/sql': 1,
          'cbo-engine POST /optimize/query': 1,
          'metadata-catalog POST /internal/statistics': 1,
          'operation-node POST /query/sql': 1,
          'query-interpreter POST /parse/sql': 1,
          'tenant-node POST /internal/execute': 1,
        },
      );
    });
  });
}

const counted =
  /^hybridstore_http_request_duration_seconds_count\{(?=[^}]*method="([A-Z]+)")(?=[^}]*route="([^"]*)")[^}]*\} (\d+)/gm;
