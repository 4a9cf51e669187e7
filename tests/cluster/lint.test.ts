import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { prepareLinter } from '../../scripts/cluster/binaries.ts';
import { createProgress } from '../../scripts/cluster/progress.ts';
import { tryRun } from '../../scripts/cluster/run.ts';
import { waivers } from './lint-waivers.ts';
import { everything, renderWith, toFlag } from './rendered-chart.ts';

/** kube-score over all that the chart and the operator make. A finding is mended, or has its reason in lint-waivers.ts. */
type Finding = { readonly check: string; readonly object: string; readonly says: string };

type ScoredObject = {
  readonly type_meta: { readonly kind: string };
  readonly object_meta: { readonly name: string };
  readonly checks: readonly {
    readonly check: { readonly id: string };
    readonly grade: number;
    readonly skipped: boolean;
    readonly comments: readonly { readonly path: string; readonly summary: string }[] | null;
  }[];
};

const gradeMax = 10;
/** kube-score ends so when it found something. */
const foundSomething = 1;
const timeoutMs = 60_000;
const folder = createTemporaryFolder('lint');
let linter: string;
before(async () => {
  linter = await prepareLinter(createProgress());
});
after(() => folder[Symbol.dispose]());

async function lint(name: string, ...texts: readonly string[]): Promise<readonly Finding[]> {
  const path = join(folder.path, `${name}.yaml`);
  writeFileSync(path, texts.join('\n---\n'));
  const flags = ['--output-format', 'json', '--all-default-optional', '--kubernetes-version', 'v1.30'];
  const { code, stdout, stderr } = await tryRun(linter, ['score', ...flags, path], { timeoutMs });
  assert.ok(code === 0 || code === foundSomething, stderr);
  return (JSON.parse(stdout) as readonly ScoredObject[]).flatMap(({ type_meta, object_meta, checks }) =>
    checks
      .filter(({ grade, skipped }) => !skipped && grade < gradeMax)
      .map(({ check, comments }) => ({
        check: check.id,
        object: `${type_meta.kind}/${object_meta.name}`,
        says: (comments ?? []).map(({ path, summary }) => `${path}: ${summary}`).join('; '),
      })),
  );
}

const isWaived = ({ check, object }: Finding) =>
  waivers.some((waiver) => waiver.check === check && waiver.objects.test(object));

/** As the operator makes them: its tests hold it to these files. */
const made = (name: string) =>
  readFileSync(new URL(`../../operator/test/resources/golden/${name}.yaml`, import.meta.url), 'utf8');

/** In the namespace of those files. */
const renderAsMade = async (...sets: readonly string[]) =>
  (await renderWith([...sets.flatMap(toFlag), '--namespace', 'hybridstore-system'])).yaml;

const subjects: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  'the chart by default, with the shared services': async () => [await renderAsMade(), made('shared-services')],
  'the chart with everything on': async () => [await renderAsMade(...everything), made('shared-services')],
  'a tenant of defaults': async () => [made('tenant-defaults')],
  'a tenant that asks for everything': async () => [made('tenant-full')],
};

describe('the linter', () => {
  for (const [name, textsOf] of Object.entries(subjects))
    it(`finds nothing without a waiver in ${name}`, async () => {
      const findings = await lint('objects', ...(await textsOf()));
      assert.ok(findings.length > 0, 'it finds what is waived');
      assert.deepEqual(
        findings.filter((finding) => !isWaived(finding)),
        [],
      );
    });

  it('still finds what each waiver is for', async () => {
    const texts = await Promise.all(Object.values(subjects).map((textsOf) => textsOf()));
    const findings = (await Promise.all(texts.map((each, index) => lint(`subject-${index}`, ...each)))).flat();
    const idle = waivers.filter(
      ({ check, objects }) => !findings.some((finding) => finding.check === check && objects.test(finding.object)),
    );
    assert.deepEqual(idle, []);
  });

  it('sees a root file system that can be written', async () => {
    const [readOnly, writable] = ['readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false'];
    const findings = await lint('writable', made('tenant-defaults').replaceAll(readOnly, writable));
    assert.deepEqual(
      findings.filter((finding) => !isWaived(finding)).map(({ check, object }) => [check, object]),
      [['container-security-context-readonlyrootfilesystem', 'StatefulSet/hs-acme']],
    );
  });
});
