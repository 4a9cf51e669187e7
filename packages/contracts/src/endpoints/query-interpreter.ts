import {
  LocateRequest,
  LocateResponse,
  ParseDslRequest,
  ParseResponse,
  ParseSqlRequest,
  TransformRequest,
  TransformResponse,
} from '../parse.ts';
import { bodyBounds, type Endpoint, may } from './endpoint.ts';

const service = 'query-interpreter';

export const queryInterpreter = {
  parseSql: {
    service,
    method: 'POST',
    path: '/parse/sql',
    summary: 'Read SQL into a plan, checked against the sources of the tenant',
    access: may('read'),
    body: ParseSqlRequest,
    bodyBytesMax: bodyBounds.statement,
    response: ParseResponse,
    viaGateway: true,
  },
  locate: {
    service,
    method: 'POST',
    path: '/parse/places',
    summary: 'Where a statement says what failed while its plan ran',
    access: may('read'),
    body: LocateRequest,
    bodyBytesMax: bodyBounds.statement,
    response: LocateResponse,
  },
  parseDsl: {
    service,
    method: 'POST',
    path: '/parse/dsl',
    summary: 'Read a query of the JSON DSL into a plan',
    access: may('read'),
    body: ParseDslRequest,
    bodyBytesMax: bodyBounds.query,
    response: ParseResponse,
    viaGateway: true,
  },
  transform: {
    service,
    method: 'POST',
    path: '/transform/query',
    summary: 'Rewrite a plan without changing its answer, and show it as an engine would get it',
    access: may('read'),
    body: TransformRequest,
    bodyBytesMax: bodyBounds.plan,
    response: TransformResponse,
    viaGateway: true,
  },
} as const satisfies Record<string, Endpoint>;
