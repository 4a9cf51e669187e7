import type { TSchema } from 'typebox';
import type { Action } from '../auth.ts';

export const services = {
  'auth-gateway': 8080,
  'operation-node': 8081,
  'cbo-engine': 8082,
  'metadata-catalog': 8083,
  monitoring: 8084,
  'query-interpreter': 8085,
  operator: 8086,
  'tenant-node': 8000,
} as const;
export type ServiceName = keyof typeof services;

/**
 * Who may call. `public`: anybody. `user`: any valid token of a user or key. An action: a user token whose tenant
 * permissions hold that action on some source (the route checks the very source). `service`: only service tokens of `callers`.
 */
export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'user' }
  | { readonly kind: 'action'; readonly action: Action }
  | { readonly kind: 'service'; readonly callers: readonly ServiceName[] };

/** One endpoint: the single source of validation, OpenAPI, the typed client and the gateway's routing. */
export type Endpoint = {
  readonly service: ServiceName;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Fastify form, `/logs/:service`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /**
   * Numbers of the body that a 64-bit floating point number would change reach the handler as `ExactNumber`. Elsewhere
   * such a number is refused: rounded, it would mean something else than its sender wrote.
   */
  readonly keepsNumbers?: boolean;
  /** Body of the success answer as JSON; absent for streams and text. */
  readonly response?: TSchema;
  readonly status?: 200 | 201 | 202;
  /** Content types of a success besides (or instead of) JSON. */
  readonly produces?: readonly string[];
  /** Reached through the gateway under the same path. */
  readonly viaGateway?: boolean;
};

export const publicAccess: Access = { kind: 'public' };
export const userAccess: Access = { kind: 'user' };
export const may = (action: Action): Access => ({ kind: 'action', action });
export const onlyServices = (...callers: readonly ServiceName[]): Access => ({ kind: 'service', callers });
