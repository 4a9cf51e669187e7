import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DatabaseChecked, Endpoint, Jwks } from '@hybridstore/contracts';
import type { Accounts } from './domain/accounts.ts';
import type { ApiKeys } from './domain/api-keys.ts';
import type { AddressOf } from './domain/client-address.ts';
import type { TokenSigner } from './domain/log-in.ts';
import type { RevocationList } from './domain/revocation-list.ts';
import type { UpstreamAddresses } from './domain/upstream-address.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import type { Credentials, Resolved } from './tokens/credentials.ts';

export type { Resolved };

/** Who counts for a call: bounds hold for each of them. */
export type CallOwners = {
  readonly user: string | undefined;
  readonly tenant: string | undefined;
  readonly address: string;
};

/** One call to hand on. The body is taken from `request` as bytes, unread by anybody so far. */
export type ForwardCall = {
  readonly request: IncomingMessage;
  /** What the addressed endpoint takes. */
  readonly bodyBytesMax: number;
  /** Name for errors and metrics. */
  readonly service: string;
  /** Whose nodes are called, where it is a tenant's. */
  readonly tenantId?: string | undefined;
  readonly owners: CallOwners;
  readonly baseUrl: string;
  readonly method: Endpoint['method'];
  readonly path: string;
  readonly headers: Record<string, string>;
  /** Whether the call may be repeated although a service may have seen it: it reads only. */
  readonly isRepeatable: boolean;
  readonly signal: AbortSignal;
};

export type AnswerHead = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/**
 * Hands a call on and streams the answer into what `open` gives for its head, both ways at the pace of the slower side.
 * Throws a HybridStoreError as long as `open` was not called; afterwards a failure destroys the stream.
 */
export interface Forwarder {
  forward(call: ForwardCall, open: (head: AnswerHead) => ServerResponse): Promise<void>;
}

/** What the routes work with. */
export type Gateway = {
  readonly accounts: Accounts;
  readonly keys: ApiKeys;
  readonly credentials: Credentials;
  readonly revocations: RevocationList;
  readonly signToken: TokenSigner;
  readonly jwks: () => Jwks;
  readonly forwarder: Forwarder;
  readonly addresses: UpstreamAddresses;
  /** Whom bounds by address count. */
  readonly addressOf: AddressOf;
  readonly metrics: GatewayMetrics;
  /** `conflict` while one is under way. */
  readonly checkDatabase: () => Promise<DatabaseChecked>;
};
