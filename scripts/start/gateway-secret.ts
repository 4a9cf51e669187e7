import { type Kube, secrets } from '@hybridstore/controller-runtime';
import { buildSigningSecret, readSigningSecret, signingSecretName } from '@hybridstore/operator';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { systemNamespace } from './settings.ts';

/** Gives the gateway its secret before the operator would make one. A folder keeps the secret that it was begun with. */
export async function provideJwtSecret(kube: Kube, secret: string): Promise<void> {
  const name = signingSecretName('auth-gateway');
  const key = { namespace: systemNamespace, name };
  try {
    await kube.create(secrets, buildSigningSecret({ ...key, labels: {}, owners: [], secret }));
  } catch (error) {
    if (!isHybridStoreError(error, 'conflict')) throw error;
    if (readSigningSecret(await kube.get(secrets, key)) === secret) return;
    throw new HybridStoreError(
      'conflict',
      'JWT_SECRET: expected the secret that the data folder was begun with, found another; unset it, or choose another --data-dir',
      { variable: 'JWT_SECRET' },
    );
  }
}
