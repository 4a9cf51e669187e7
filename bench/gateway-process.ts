import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { authGateway } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { tenantUrl } from '@hybridstore/runtime';
import { testSecret } from '@hybridstore/test-kit';

export type Address = { readonly host: string; readonly port: number };

const port = 8_080;
const administrator = { username: 'root', password: 'a long password of a bench' };
const template = 'http://hs-{name}.{namespace}.svc:8000';
const main = fileURLToPath(new URL('../services/auth-gateway/src/main.ts', import.meta.url));

/** A gateway in front of one tenant's node, and the token of a user who may write there. */
export interface GatewayProcess {
  readonly address: Address;
  readonly pid: number;
  readonly token: string;
  stop(): Promise<void>;
}

export type GatewayOptions = {
  readonly folder: string;
  readonly jwksFile: string;
  readonly tenantId: string;
  readonly nodeHost: string;
  readonly waitUntilReady: (url: string, child: ChildProcess) => Promise<void>;
  /** Where it listens. */
  readonly host: string;
  /** Of Node itself. */
  readonly flags?: readonly string[];
};

export async function startGateway({
  folder,
  jwksFile,
  tenantId,
  nodeHost,
  host,
  waitUntilReady,
  flags = [],
}: GatewayOptions): Promise<GatewayProcess> {
  const files = { password: join(folder, 'password'), hosts: join(folder, 'hosts.json') };
  writeFileSync(files.password, administrator.password);
  writeFileSync(files.hosts, JSON.stringify({ [new URL(tenantUrl(template, tenantId)).hostname]: [nodeHost] }));
  const child = spawn(process.execPath, [...flags, main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      HOST: host,
      PORT: String(port),
      LOG_LEVEL: 'warn',
      JWT_SECRET: testSecret('auth-gateway'),
      JWKS_FILE: jwksFile,
      USERS_PATH: join(folder, 'users'),
      ADMIN_USERNAME: administrator.username,
      ADMIN_PASSWORD_FILE: files.password,
      HYBRIDSTORE_HOSTS_FILE: files.hosts,
      TENANT_URL_TEMPLATE: template,
    },
  });
  const url = `http://${host}:${port}`;
  await waitUntilReady(url, child);
  const client = new HttpClient();
  const { access_token: token } = await client
    .call(url, authGateway.login, { body: { ...administrator, tenant_id: tenantId } })
    .finally(() => client.close());
  return {
    address: { host, port },
    pid: child.pid ?? 0,
    token,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}
