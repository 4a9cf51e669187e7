import type { Volume, VolumeMount } from '@hybridstore/controller-runtime';
import type { PostgresSettings } from './settings.ts';

const credentialsFolder = '/etc/hybridstore/postgres';
const authoritiesFolder = '/etc/hybridstore/postgres-ca';

export type Mounts = { readonly volumes: readonly Volume[]; readonly volumeMounts: readonly VolumeMount[] };

export const noMounts: Mounts = { volumes: [], volumeMounts: [] };

/** How a gateway gets at the Secrets of its database. */
export function mountPostgres(postgres: PostgresSettings | undefined): Mounts {
  if (postgres === undefined) return noMounts;
  const { credentialsSecret, caSecret } = postgres;
  const secrets = [
    { name: 'postgres', secretName: credentialsSecret, mountPath: credentialsFolder },
    ...(caSecret === undefined ? [] : [{ name: 'postgres-ca', secretName: caSecret, mountPath: authoritiesFolder }]),
  ];
  return {
    volumes: secrets.map(({ name, secretName }) => ({ name, secret: { secretName, defaultMode: 0o440 } })),
    volumeMounts: secrets.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
  };
}

export function buildPostgresVariables(postgres: PostgresSettings | undefined): Readonly<Record<string, string>> {
  if (postgres === undefined) return {};
  const { host, port, database, tlsMode, caSecret } = postgres;
  return {
    POSTGRES_HOST: host,
    POSTGRES_PORT: String(port),
    POSTGRES_DATABASE: database,
    POSTGRES_TLS_MODE: tlsMode,
    POSTGRES_USER_FILE: `${credentialsFolder}/username`,
    POSTGRES_PASSWORD_FILE: `${credentialsFolder}/password`,
    ...(caSecret === undefined ? {} : { POSTGRES_CA_FILE: `${authoritiesFolder}/ca.crt` }),
  };
}
