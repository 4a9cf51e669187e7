import {
  type FailedOperation,
  type ParseResponse,
  type ParseSqlRequest,
  queryInterpreter,
  type SqlQueryRequest,
} from '@hybridstore/contracts';
import { type HttpClient, isTransportFailure } from '@hybridstore/http';
import { type Clock, isHybridStoreError } from '@hybridstore/runtime';
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
      lifted: answer.lifted_literals ?? [],
      dialect: answer.dialect ?? undefined,
    };
  }

  async locate(request: SqlQueryRequest, failed: FailedOperation, call: QueryCall): Promise<readonly Place[]> {
    const body = { ...statementOf(request), failed };
    const options = { ...callOptions(call), body };
    return (await this.#parts.client.call(this.#parts.url, queryInterpreter.locate, options)).places;
  }

  async #send({ kind, request }: QueryRequest, call: QueryCall): Promise<ParseResponse> {
    const { client, url } = this.#parts;
    const options = callOptions(call);
    if (kind === 'dsl')
      return client.call(url, queryInterpreter.parseDsl, { ...options, body: { query: request.query } });
    const body = statementOf(request);
    const ask = (asked: ParseSqlRequest) => client.call(url, queryInterpreter.parseSql, { ...options, body: asked });
    if (body.parameters !== undefined) return ask(body);
    try {
      return await ask({ ...body, lift_literals: true });
    } catch (error) {
      // An interpreter of an earlier version lifts none, and says that it knows no such field.
      if (!isHybridStoreError(error, 'invalid_request') || error.details['field'] !== 'lift_literals') throw error;
      return ask(body);
    }
  }
}

function statementOf({ query, dialect, parameters }: SqlQueryRequest): ParseSqlRequest {
  return {
    query,
    ...(dialect === undefined ? {} : { dialect }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}
