import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectKube, customResourceDefinitions } from '@hybridstore/controller-runtime';
import { runCorpus } from '../../operator/test/crds/corpus.ts';
import { describeChildren } from '../../operator/test/reconcile/children-contract.ts';
import { describeKubeContract } from '../../packages/controller-runtime/test/kube/port-contract.ts';
import { widgetDefinition } from '../../packages/controller-runtime/test/kube/widget.ts';

const kubeconfig = process.env['KUBECONFIG'];
assert.ok(kubeconfig, 'KUBECONFIG: expected the path of a kubeconfig');

const kube = connectKube({ fieldManager: 'test', kubeconfig });
const { name } = widgetDefinition.metadata;
assert.ok(name);

describeKubeContract('a real API server', async () => ({
  kube,
  close: () => kube.delete(customResourceDefinitions, { name }),
}));

describeChildren('a real API server', async () => ({ kube }));

describe('the real API server', () => {
  it('takes every valid object of the corpus and refuses every invalid one with the expected message', async () => {
    const verdicts = await runCorpus(kube, 'default');
    assert.ok(verdicts.length >= 40, `only ${verdicts.length} objects`);
    assert.deepEqual(
      verdicts.filter((verdict) => verdict.failure !== undefined),
      [],
    );
  });
});
