import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeProblemKinds } from '@hybridstore/contracts';
import { headingsOf } from './headings.ts';
import { readSource, sourceFiles, withoutComments } from './imports.ts';

/*
 * Who reads a reason in a condition or an Event looks for it in the runbooks. The operator has no list of its reasons, so
 * every text of its sources that looks like one counts as one, unless it is named here as something else.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'docs/operating/runbooks');

/** Words of the same form that are no reasons. */
const others: ReadonlySet<string> = new Set([
  // Conditions.
  ...['Ready', 'Progressing', 'Degraded', 'ScalingActive', 'DataSafe', 'StorageReady'],
  // Statuses of conditions, phases and types of Events.
  ...['True', 'False', 'Unknown', 'Running', 'Unbound', 'Normal', 'Warning'],
  // Actions of Events.
  ...['Judged', 'Scaled', 'Deleted', 'Activated'],
  // Values of specs.
  ...['Auto', 'Recommend', 'Retain', 'Delete'],
  // States of nodes that leave, a kind of scaling policy, and a verb of HTTP.
  ...['Draining', 'Drained', 'Pods', 'GET'],
  // States of giving a node up, and its action.
  ...['Asked', 'GivenUp', 'GivingUp'],
  // Events of Kubernetes.
  ...['FailedCreate', 'SuccessfulCreate', 'WaitForFirstConsumer', 'WaitForPodScheduled'],
  ...['FailedMount', 'FailedAttachVolume', 'FailedMapVolume', 'FailedCreatePodSandBox'],
  // A condition of pods.
  'PodScheduled',
  // Kinds.
  ...['Secret', 'Tenant', 'DataSource', 'CompactionPolicy'],
]);

/** What Kubernetes says of a container that waits: one of our reasons, which names them. */
const waitingReasons =
  /^(CrashLoopBackOff|ImagePullBackOff|ErrImage\w+|InvalidImageName|ImageInspectError|RegistryUnavailable|SignatureValidationFailed|CreateContainer(Config)?Error|Pre(Create|Start)HookError|RunContainerError)$/;

type Kind = { readonly page: string; readonly folders: readonly string[]; readonly more: readonly string[] };

const kinds: readonly Kind[] = [
  {
    page: 'tenant',
    folders: ['operator/src/tenant', 'operator/src/scaling'],
    more: [...nodeProblemKinds, 'InvalidSpec'],
  },
  {
    page: 'data-source',
    folders: ['operator/src/data-source'],
    more: ['InvalidSpec', 'TenantNotFound', 'TenantDeleted'],
  },
  {
    page: 'compaction-policy',
    folders: ['operator/src/compaction-policy'],
    more: ['InvalidSpec', 'TenantNotFound', 'TenantDeleted'],
  },
];

/** Obstacles that are a tenant's, said of what belongs to it. */
const ofOthers: ReadonlySet<string> = new Set(['TenantNotFound', 'TenantDeleted']);

/** Texts in sources that are written as reasons are. */
function reasonsIn(text: string): readonly string[] {
  return [...withoutComments(text).matchAll(/'([A-Z][A-Za-z]+)'/g)]
    .map(([, word = '']) => word)
    .filter((word) => !others.has(word) && !waitingReasons.test(word));
}

const headings = (page: string) =>
  headingsOf(readFileSync(join(root, 'docs/operating/runbooks', `${page}.md`), 'utf8'));

describe('the runbooks', () => {
  it('are looked up by words that stand in sources, quoted as reasons are', () => {
    const text =
      "return no('Ready', 'NodesAsleep', 'x'); // not 'Commented'\nconst mode = 'Auto'; fail('CrashLoopBackOff')";
    assert.deepEqual(reasonsIn(text), ['NodesAsleep']);
  });

  for (const { page, folders, more } of kinds)
    it(`have a heading on ${page}.md for every reason, and none for what is no reason`, () => {
      const found = sourceFiles(root, folders).flatMap((file) => reasonsIn(readSource(root, file)));
      const reasons = new Set([...found.filter((one) => page !== 'tenant' || !ofOthers.has(one)), ...more]);
      assert.ok(reasons.size > 5);
      assert.deepEqual(headings(page).slice(1).sort(), [...reasons].sort());
    });

  it('name what Kubernetes says of a container that cannot start', () => {
    const text = readFileSync(join(folder, 'tenant.md'), 'utf8');
    const words = [...readSource(root, 'operator/src/tenant/judge-pod.ts').matchAll(/'([A-Za-z]+)'/g)]
      .map(([, word = '']) => word)
      .filter((word) => waitingReasons.test(word));
    assert.ok(words.length > 5);
    for (const word of words) assert.ok(text.includes(`\`${word}\``), word);
  });

  for (const page of globSync('*.md', { cwd: folder }).map((file) => basename(file, '.md')))
    it(`lead from ${page}.md to headings that exist`, () => {
      const text = readFileSync(join(folder, `${page}.md`), 'utf8');
      for (const [, target = '', anchor = ''] of text.matchAll(/\]\(([^)#\s]*)#([^)\s]+)\)/g)) {
        const goal = readFileSync(join(folder, target === '' ? `${page}.md` : target), 'utf8');
        const anchors = headingsOf(goal).map((heading) =>
          heading
            .toLowerCase()
            .replaceAll(/[^\w -]/g, '')
            .replaceAll(' ', '-'),
        );
        assert.ok(anchors.includes(anchor), `${target}#${anchor}`);
      }
    });
});
