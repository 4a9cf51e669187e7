import assert from 'node:assert/strict';
import { it } from 'node:test';
import { authGateway, type Endpoint, metadataCatalog, publicAccess, tenantNode } from '@hybridstore/contracts';
import type { HttpClient, RouteHandler, Server } from '@hybridstore/http';
import { Type } from 'typebox';

// Nothing of these runs: a mistake is that one of the lines compiles, or does not.

function registerWrongly(server: Server): void {
  server.route(tenantNode.write, (request) => {
    const source: string = request.body.source_id;
    // @ts-expect-error a write has no such field
    void request.body.sources;
    return { source_id: source, accepted: 1, batch_id: null, durable: true, duplicate: false, lsn: 1 };
  });
  // @ts-expect-error an answer without most of its fields
  server.route(tenantNode.write, (request) => ({ source_id: request.body.source_id }));
  // @ts-expect-error nor does a promise of one
  server.route(authGateway.deleteKey, async (request) => ({ key_id: request.params.key_id }));
  server.route(tenantNode.snapshot, (request, reply) => {
    const offset: number | undefined = request.query.offset;
    // @ts-expect-error the endpoint takes no body
    void request.body.offset;
    return reply.send(offset);
  });
  server.route(authGateway.validate, (request) => {
    // @ts-expect-error the body may be absent
    void request.body.token;
    return { valid: false };
  });
}

async function callWrongly(client: HttpClient): Promise<void> {
  const params = { source_id: 'events' };
  const stats = await client.call('', tenantNode.sourceStats, { params });
  const rows: number = stats.rows;
  // @ts-expect-error statistics have no such field
  void stats.row_count;
  // @ts-expect-error the path has a parameter
  await client.call('', tenantNode.sourceStats);
  // @ts-expect-error of another name
  await client.call('', tenantNode.sourceStats, { params: { source: 'events' } });
  // @ts-expect-error the body is required
  await client.call('', authGateway.login, {});
  // @ts-expect-error and checked
  await client.call('', authGateway.login, { body: { username: 'ada' } });
  // @ts-expect-error the endpoint takes no body
  await client.call('', authGateway.jwks, { body: { rows } });
  // @ts-expect-error a value that the query does not know
  await client.call('', metadataCatalog.listSources, { query: { refresh: 'yes' } });
  await client.call('', metadataCatalog.listSources);
  await client.call('', authGateway.validate);
  const known: readonly { readonly fields: Readonly<Record<string, unknown>> }[] = [];
  await client.call('', tenantNode.write, { body: { source_id: 'events', records: known } });
}

async function callAnything(client: HttpClient, endpoint: Endpoint): Promise<unknown> {
  return client.call('', endpoint, { params: { any: 'thing' }, body: { any: 'thing' } });
}

it('handlers and calls of an endpoint are typed by its schemas', () => {
  const described = {
    service: 'tenant-node',
    method: 'POST',
    path: '/thing',
    summary: 'A thing',
    access: publicAccess,
    body: Type.Object({ count: Type.Integer() }),
    response: Type.Object({ counted: Type.Integer() }),
  } as const satisfies Endpoint;
  const handler: RouteHandler<typeof described> = (request) => ({ counted: request.body.count });
  assert.deepEqual(
    [registerWrongly, callWrongly, callAnything, handler].map((task) => typeof task),
    ['function', 'function', 'function', 'function'],
  );
});
