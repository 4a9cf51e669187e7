import assert from 'node:assert/strict';
import { it } from 'node:test';
import { findIdleVariables, processVariables } from '@hybridstore/runtime';
import { idleVariablesMax } from '../src/idle-variables.ts';

it('a variable that does nothing in a process is named with the reason', () => {
  const variables = {
    JWT_EXPIRATON_HOURS: '48',
    FLUSH_ROWS: '5',
    MIN_WORKERS: '3',
    BCRYPT_ROUNDS: '10',
    PROT: '8080',
  };
  assert.deepEqual(findIdleVariables('auth-gateway', variables), [
    { variable: 'FLUSH_ROWS', reason: 'it is read by tenant-node only' },
    { variable: 'JWT_EXPIRATON_HOURS', reason: 'it is not known; did you mean JWT_EXPIRATION_HOURS?' },
    { variable: 'PROT', reason: 'it is not known; did you mean PORT?' },
  ]);
  assert.deepEqual(findIdleVariables('operation-node', { MIN_WORKERS: '3' }), [
    { variable: 'MIN_WORKERS', reason: 'it is spec.autoscaling.minReplicas of a Tenant' },
  ]);
});

it('what shells, containers and clusters set is none of ours, and neither is an empty one', () => {
  const variables = {
    HOME: '/root',
    HOSTNAME: 'x',
    PATH: '/bin',
    LOGNAME: 'x',
    NODE_ENV: 'production',
    NODE_PATH: '/x',
    GOPATH: '/go',
    AUTH_GATEWAY_PORT: 'tcp://10.0.0.1:8080',
    AUTH_GATEWAY_SERVICE_HOST: '10.0.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    LANG: 'C',
    PORTS: '',
    POD_IP: '10.0.0.1',
    TERM: 'xterm',
    TMPDIR: '/tmp',
    npm_config_cache: '/x',
  };
  for (const service of Object.keys(processVariables) as (keyof typeof processVariables)[])
    assert.deepEqual(findIdleVariables(service, variables), [], service);
});

it('a flood of misspelt variables is cut', () => {
  const flood = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [
      `FLUSH_ROWS${index % 10}${index < 10 ? '' : String.fromCharCode(65 + (index % 26))}`,
      'x',
    ]),
  );
  assert.equal(findIdleVariables('tenant-node', flood).length <= idleVariablesMax, true);
  assert.equal(findIdleVariables('tenant-node', { ...flood, FLUSH_ROWZ: '1' }).length > 0, true);
});
