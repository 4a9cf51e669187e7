import {
  type FailedOperation,
  type ParseDslRequest,
  type ParseResponse,
  type ParseSqlRequest,
  queryInterpreter,
  type SqlQueryRequest,
} from '@hybridstore/contracts';
import { type HttpClient, isTransportFailure } from '@hybridstore/http';
import type { Clock } from '@hybridstore/runtime';
import type { Interpreter, ParsedQuery, Place, QueryCall, QueryRequest } from '../ports.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';
import { callOptions, retry } from './retry.ts';

export type InterpreterParts = {
  readonly client: HttpClient;
  readonly breakers: CircuitBreakers;
  readonly clock: Clock;
  readonly url: string;
};

/** The query interpreter over HTTP. Reading a text changes nothing, so a broken connection is tried again. */
export class HttpInterpreter implements Interpreter {
  readonly #parts: InterpreterParts;

  constructor(parts: InterpreterParts) {
    this.#parts = parts;
  }

  async parse(query: QueryRequest, call: QueryCall): Promise<ParsedQuery> {
    const answer = await retry(call, { clock: this.#parts.clock, isSafe: isTransportFailure }, (attempt) =>
      this.#parts.breakers.run('query-interpreter', call.signal, () => this.#send(query, attempt)),
    );
    return {
      plan: answer.parsed_query,
      planCached: answer.cached,
      // An interpreter of an earlier version says neither.
      restsOn: (answer as Partial<ParseResponse>).rests_on,
      parameterKeys: (answer as Partial<ParseResponse>).parameter_keys ?? [],
    };
  }

  async locate(request: SqlQueryRequest, failed: FailedOperation, call: QueryCall): Promise<readonly Place[]> {
    const body = { ...statementOf(request), failed };
    const options = { ...callOptions(call), body };
    return (await this.#parts.client.call(this.#parts.url, queryInterpreter.locate, options)).places;
  }

  #send(query: QueryRequest, call: QueryCall): Promise<ParseResponse> {
    const endpoint = query.kind === 'sql' ? queryInterpreter.parseSql : queryInterpreter.parseDsl;
    return this.#parts.client.call(this.#parts.url, endpoint, {
      ...callOptions(call),
      body: buildBody(query),
    });
  }
}

function buildBody({ kind, request }: QueryRequest): ParseSqlRequest | ParseDslRequest {
  if (kind === 'dsl') return { query: request.query };
  return statementOf(request);
}

function statementOf({ query, dialect, parameters }: SqlQueryRequest): ParseSqlRequest {
  return {
    query,
    ...(dialect === undefined ? {} : { dialect }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}
