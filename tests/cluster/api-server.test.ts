import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectKube } from '@hybridstore/operator';
import { runCorpus } from '../../operator/test/crds/corpus.ts';
import { describeKubeContract } from '../../operator/test/kube/port-contract.ts';
import { describeChildren } from '../../operator/test/reconcile/children-contract.ts';

const kubeconfig = process.env['KUBECONFIG'];
assert.ok(kubeconfig, 'KUBECONFIG: expected the path of a kubeconfig');

describeKubeContract('a real API server', async () => ({ kube: connectKube({ kubeconfig }), close: async () => {} }));

describeChildren('a real API server', async () => ({ kube: connectKube({ kubeconfig }) }));

describe('the real API server', () => {
  it('takes every valid object of the corpus and refuses every invalid one with the expected message', async () => {
    const verdicts = await runCorpus(connectKube({ kubeconfig }), 'default');
    assert.ok(verdicts.length >= 40, `only ${verdicts.length} objects`);
    assert.deepEqual(
      verdicts.filter((verdict) => verdict.failure !== undefined),
      [],
    );
  });
});
