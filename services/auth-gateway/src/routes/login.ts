import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { logIn } from '../domain/log-in.ts';
import type { Gateway } from '../ports.ts';
import { originOf } from './caller.ts';

export function addLogin(server: Server, gateway: Gateway): void {
  const { accounts, signToken, metrics } = gateway;
  const parts = { accounts, signToken, countLogin: (result: string) => metrics.logins.inc({ result }) };
  server.route(authGateway.login, (request, _reply, { signal }) =>
    logIn(parts, request.body, originOf(gateway, request, signal)),
  );
}
