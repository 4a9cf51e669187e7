import { HybridStoreError } from '@hybridstore/runtime';

/** What a start-up says when it cannot listen: `invalid_request` that names the variable of the port, or HOST. */
export function describeListenFailure(
  cause: unknown,
  { variable, host, port }: { readonly variable: string; readonly host: string; readonly port: number },
): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE' || code === 'EACCES') {
    const found = code === 'EADDRINUSE' ? `${port}, which is in use on ${host}` : `${port}, which needs privileges`;
    return new HybridStoreError(
      'invalid_request',
      `${variable}: expected a free port, found ${found}`,
      { variable, port },
      { cause },
    );
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new HybridStoreError(
      'invalid_request',
      `HOST: expected an address of this machine, found ${host}`,
      { variable: 'HOST', host },
      { cause },
    );
  return cause;
}
