import { Type } from 'typebox';
import { QueryResponse } from '../data.ts';
import { QueryId } from '../identifiers.ts';
import { streamTypes } from '../node-internal.ts';
import { CancelledQuery, DslQueryRequest, RunningQueries, SqlQueryRequest } from '../query.ts';
import { bodyBounds, type Endpoint, may, userAccess } from './endpoint.ts';

const service = 'operation-node';

export const operationNode = {
  querySql: {
    service,
    method: 'POST',
    path: '/query/sql',
    summary: 'Ask in SQL',
    access: may('read'),
    body: SqlQueryRequest,
    bodyBytesMax: bodyBounds.statement,
    response: QueryResponse,
    produces: streamTypes,
    viaGateway: true,
  },
  queryDsl: {
    service,
    method: 'POST',
    path: '/query/dsl',
    summary: 'Ask in the JSON DSL',
    access: may('read'),
    body: DslQueryRequest,
    bodyBytesMax: bodyBounds.query,
    response: QueryResponse,
    produces: streamTypes,
    viaGateway: true,
  },
  listQueries: {
    service,
    method: 'GET',
    path: '/queries',
    summary: 'Queued and running queries of the tenant',
    access: userAccess,
    response: RunningQueries,
    viaGateway: true,
  },
  cancelQuery: {
    service,
    method: 'DELETE',
    path: '/queries/:query_id',
    summary: 'Stop a query',
    access: userAccess,
    params: Type.Object({ query_id: QueryId }, { additionalProperties: false }),
    response: CancelledQuery,
    viaGateway: true,
  },
  listOwnQueries: {
    service,
    method: 'GET',
    path: '/internal/queries',
    summary: 'Queued and running queries of the tenant in this replica',
    access: userAccess,
    response: RunningQueries,
  },
  cancelOwnQuery: {
    service,
    method: 'DELETE',
    path: '/internal/queries/:query_id',
    summary: 'Stop a query of this replica',
    access: userAccess,
    params: Type.Object({ query_id: QueryId }, { additionalProperties: false }),
    response: CancelledQuery,
  },
} as const satisfies Record<string, Endpoint>;
