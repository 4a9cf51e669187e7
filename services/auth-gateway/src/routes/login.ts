import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { logIn } from '../domain/log-in.ts';
import type { Gateway } from '../ports.ts';

export function addLogin(server: Server, { accounts, signToken, metrics }: Gateway): void {
  const parts = { accounts, signToken, countLogin: (result: string) => metrics.logins.inc({ result }) };
  server.route(authGateway.login, ({ body }, _reply, { signal }) => logIn(parts, body, signal));
}
