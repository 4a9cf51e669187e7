import type { Static, TOptional, TSchema } from 'typebox';
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
 * permissions hold that action on some source (the route checks the very source). `platform`: a token of the platform's
 * administrator, whatever tenant it is for. `service`: only service tokens of `callers`, which are those that do call. Such
 * a token names the tenant where a tenant's process is called, and none elsewhere, but for the nodes', whose key is bound
 * to one.
 */
export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'user' }
  | { readonly kind: 'action'; readonly action: Action }
  | { readonly kind: 'platform' }
  | { readonly kind: 'service'; readonly callers: readonly ServiceName[] };

/**
 * One endpoint: the single source of validation, OpenAPI, the typed client and the gateway's routing. A table of endpoints
 * is written `{ … } as const satisfies Record<string, Endpoint>`, which keeps the schemas' own types: `BodyOf`, `ParamsOf`,
 * `QueryOf` and `ResponseOf` read them.
 */
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
  /** Content types that a body may have besides JSON, and what holds then in place of its schema. */
  readonly takes?: Readonly<Record<string, string>>;
  /** The largest body in bytes; `bodyBounds.other` when absent. What is larger is refused before it is read. */
  readonly bodyBytesMax?: number;
  /**
   * Numbers of the body that JavaScript would print in another way (9007199254740993, 1.50, 1e2, -0) reach the handler as
   * `ExactNumber`. Elsewhere one that a 64-bit floating point number would change is refused: rounded, it would mean
   * something else than its sender wrote.
   */
  readonly keepsNumbers?: boolean;
  /** Body of the success answer as JSON; absent for streams and text. */
  readonly response?: TSchema;
  readonly status?: 200 | 201 | 202;
  /** Of the same answer, where nothing had to be made. */
  readonly statusUnmade?: 200;
  /**
   * Its answer holds a password, a token or a key, and is never compressed: beside text of an attacker, the length of a
   * compressed answer gives a secret away letter by letter (BREACH).
   */
  readonly holdsSecret?: boolean;
  /** Content types of a success besides (or instead of) JSON. */
  readonly produces?: readonly string[];
  /** Reached through the gateway under the same path. */
  readonly viaGateway?: boolean;
};

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Largest bodies in bytes, by what they carry: each as large as what is meant needs, since anybody may send them. */
export const bodyBounds = {
  credentials: 16 * kibibyte,
  other: 64 * kibibyte,
  /** SQL with its parameters. */
  statement: mebibyte,
  /** A query of the JSON DSL, whose lists of values may be long. */
  query: mebibyte,
  /** A source with all its columns. */
  source: 4 * mebibyte,
  plan: 4 * mebibyte,
  /** Lists of a table's files, between services. */
  files: 32 * mebibyte,
  records: 32 * mebibyte,
} as const;

/** The largest body that an endpoint takes. */
export function bodyBytesMaxOf(endpoint: Pick<Endpoint, 'bodyBytesMax'>): number {
  return endpoint.bodyBytesMax ?? bodyBounds.other;
}

/** Codings that bodies may come in. */
export const bodyCodings = ['gzip', 'zstd', 'deflate'] as const;
export type BodyCoding = (typeof bodyCodings)[number];

/** Whether a body may come compressed: nobody unpacks what anybody may send. */
export function takesPackedBody(endpoint: Pick<Endpoint, 'body' | 'access'>): boolean {
  return endpoint.body !== undefined && endpoint.access.kind !== 'public';
}

export const publicAccess: Access = { kind: 'public' };
export const userAccess: Access = { kind: 'user' };
export const may = (action: Action): Access => ({ kind: 'action', action });
export const platformAccess: Access = { kind: 'platform' };
export const onlyServices = (...callers: readonly ServiceName[]): Access => ({ kind: 'service', callers });

/** The value of one of an endpoint's schemas: undefined where there is none, `unknown` of an endpoint that is known at run time only. */
type ValueOf<E extends Endpoint, Part extends 'params' | 'query' | 'body' | 'response'> = Part extends keyof E
  ? E[Part] extends TSchema
    ? Static<E[Part]> | (E[Part] extends TOptional ? undefined : never)
    : unknown
  : undefined;

export type BodyOf<E extends Endpoint> = ValueOf<E, 'body'>;
export type ResponseOf<E extends Endpoint> = ValueOf<E, 'response'>;
/** Numbers and booleans stand as text in a URL, and are read back as the schema says. */
export type QueryOf<E extends Endpoint> = Known<ValueOf<E, 'query'>, Readonly<Record<string, unknown>>>;
/** Path parameters are text, whatever the endpoint. */
export type ParamsOf<E extends Endpoint> = Known<ValueOf<E, 'params'>, Readonly<Record<string, string>>>;
type Known<Value, Otherwise> = unknown extends Value ? Otherwise : Value;

/** A value as its sender may hold it: nothing that is sent is written to. */
export type Sent<T> = T extends readonly unknown[]
  ? { readonly [Index in keyof T]: Sent<T[Index]> }
  : T extends object
    ? { readonly [Key in keyof T]: Sent<T[Key]> }
    : T;
