import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectKube, kinds } from '@hybridstore/operator';
import { runCorpus } from '../../operator/test/crds/corpus.ts';
import { describeKubeContract } from '../../operator/test/kube/port-contract.ts';
import { widgetDefinition } from '../../operator/test/kube/widget.ts';
import { describeChildren } from '../../operator/test/reconcile/children-contract.ts';

const kubeconfig = process.env['KUBECONFIG'];
assert.ok(kubeconfig, 'KUBECONFIG: expected the path of a kubeconfig');

const kube = connectKube({ kubeconfig });
const { name } = widgetDefinition.metadata;
assert.ok(name);

describeKubeContract('a real API server', async () => ({
  kube,
  close: () => kube.delete(kinds.customResourceDefinition, { name }),
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
