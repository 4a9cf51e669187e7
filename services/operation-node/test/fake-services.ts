import {
  cboEngine,
  type ExecuteRequest,
  type ExecutionReport,
  type LogicalPlan,
  queryInterpreter,
  type ServiceName,
  tenantNode,
} from '@hybridstore/contracts';
import { type CallContext, createServer, JwksTokenVerifier, type Server } from '@hybridstore/http';
import { type Clock, Registry, silentLogger } from '@hybridstore/runtime';
import type { TestIssuer } from '@hybridstore/test-kit';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Answers what a test wants, also what the endpoint could not. */
export type Handler = (request: FastifyRequest, reply: FastifyReply, context: CallContext) => unknown;

export const plan: LogicalPlan = {
  kind: 'plan',
  version: 1,
  query: {
    kind: 'query',
    body: {
      kind: 'select',
      projections: [{ name: 'n', value: { kind: 'call', function: 'count_star', arguments: [] } }],
      from: { kind: 'scan', source: 'events', alias: 'events', columns: [] },
    },
  },
  parameters: [],
  tables: [{ source: 'events', columns: [] }],
};
/** The same with a limit, so that a test sees which one ran. */
export const betterPlan: LogicalPlan = {
  ...plan,
  query: { ...plan.query, limit: { kind: 'literal', type: 'bigint', value: 1 } },
};

const cost = {
  predicted_ms: 12,
  memory_bytes: 0,
  rows_out: 1,
  bytes_read: 0,
  rows_processed: 0,
  learned_factor: 1,
  scans: [],
};

export const answerText =
  '{"columns":[{"name":"n","type":"bigint"}],"rows":[[3]],"row_count":1,"stats":{"query_id":"x","elapsed_ms":5,"execute_ms":4,"files_read":2,"bytes_read":700}}';

/** Interpreter, optimizer and the nodes of one tenant on loopback; each step can be replaced by a test. */
export class FakeServices {
  readonly asked: {
    readonly service: string;
    readonly body: unknown;
    readonly deadlineMs: number;
    readonly token: string;
  }[] = [];
  readonly cancelled: string[] = [];
  readonly reports: ExecutionReport[] = [];
  parse: Handler = () => ({
    parsed_query: plan,
    query_type: 'sql',
    dialect: 'mysql',
    tables: ['events'],
    functions: [],
    cached: true,
    cross_check: 'agreed',
    rests_on: [{ source_id: 'events', columns: 'columns-1' }],
    parameter_keys: [],
  });
  locate: Handler = () => ({ places: [] });
  optimize: Handler = () => ({
    optimized_plan: betterPlan,
    shape: 'shape-1',
    cost,
    alternatives: [],
    statistics_cached: false,
  });
  execute: Handler = (_request, reply) => reply.type('application/json').send(answerText);
  readonly #servers = new Map<string, { readonly server: Server; url: string }>();
  readonly #issuer: TestIssuer;
  readonly #clock: Clock;

  constructor(issuer: TestIssuer, clock: Clock) {
    this.#issuer = issuer;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    await this.#startInterpreter();
    await this.#startOptimizer();
    await this.#startNode();
  }

  async #startInterpreter(): Promise<void> {
    const server = this.#createServer('query-interpreter');
    server.route(
      queryInterpreter.parseSql,
      this.#record('parse', (...call) => this.parse(...call)),
    );
    server.route(
      queryInterpreter.locate,
      this.#record('locate', (...call) => this.locate(...call)),
    );
    server.route(
      queryInterpreter.parseDsl,
      this.#record('parse', (...call) => this.parse(...call)),
    );
    await this.#listen('query-interpreter', server);
  }

  async #startOptimizer(): Promise<void> {
    const server = this.#createServer('cbo-engine');
    server.route(
      cboEngine.optimize,
      this.#record('optimize', (...call) => this.optimize(...call)),
    );
    server.route(cboEngine.reportExecutions, (request) => {
      this.reports.push(...request.body.executions);
      return { recorded: true };
    });
    await this.#listen('cbo-engine', server);
  }

  async #startNode(): Promise<void> {
    const server = this.#createServer('tenant-node');
    server.route(
      tenantNode.execute,
      this.#record('execute', (...call) => this.execute(...call)),
    );
    server.route(tenantNode.cancelExecution, (request) => {
      const { query_id: queryId } = request.params;
      this.cancelled.push(queryId);
      return { query_id: queryId, cancelled: true };
    });
    await this.#listen('tenant-node', server);
  }

  url(service: ServiceName): string {
    return this.#servers.get(service)?.url ?? '';
  }

  /** The plan that the node was last asked to run. */
  lastExecution(): ExecuteRequest {
    return this.asked.findLast((call) => call.service === 'execute')?.body as ExecuteRequest;
  }

  count(service: 'parse' | 'locate' | 'optimize' | 'execute'): number {
    return this.asked.filter((call) => call.service === service).length;
  }

  async stop(service?: ServiceName): Promise<void> {
    for (const [name, { server }] of this.#servers)
      if (service === undefined || name === service) {
        server.app.server.closeAllConnections();
        await server.app.close();
      }
  }

  #record(service: string, handler: Handler) {
    return (request: FastifyRequest, reply: FastifyReply, context: CallContext): FastifyReply => {
      const { body } = request;
      this.asked.push({ service, body, deadlineMs: context.deadlineMs ?? 0, token: context.caller?.token ?? '' });
      // Some answers are wrong on purpose, hence no response of the endpoint.
      return handler(request, reply, context) as FastifyReply;
    };
  }

  #createServer(service: ServiceName): Server {
    return createServer({
      service,
      ...(service === 'tenant-node' ? { tenantId: 'default/acme' } : {}),
      version: 'test',
      logger: silentLogger,
      metrics: new Registry(),
      clock: this.#clock,
      verifier: new JwksTokenVerifier(this.#issuer.jwksFile, this.#clock),
      notReadyReasons: () => [],
    });
  }

  async #listen(name: ServiceName, server: Server): Promise<void> {
    await server.app.listen({ host: '127.0.0.1', port: 0 });
    const address = server.app.server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    this.#servers.set(name, { server, url: `http://127.0.0.1:${port}` });
  }
}
