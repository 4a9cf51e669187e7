import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildCrds } from '@hybridstore/contracts';
import { customResourceDefinitions, type KubeObject, namespaces } from '@hybridstore/controller-runtime';
import { EmbeddedApiServer, type HttpFront, startHttpFront, writeKubeConfig } from '@hybridstore/embedded-kubernetes';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { parseAllDocuments, stringify } from 'yaml';
import { unpackKubectl } from '../../../packages/embedded-kubernetes/test/kubectl-program.ts';
import { type CorpusCase, readCorpus } from './corpus.ts';

const run = promisify(execFile);
const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

/** What GitOps tools and people have in their folders: every valid object, and those of the examples. */
function readCases(): readonly CorpusCase[] {
  const files = readdirSync(examples).map((file) => ({
    name: file,
    expect: undefined,
    documents: parseAllDocuments(readFileSync(join(examples, file), 'utf8'), { version: '1.1' }).map(
      (document) => document.toJS() as KubeObject,
    ),
  }));
  return [...readCorpus().filter(({ expect }) => expect === undefined), ...files];
}

describe('an object that kubectl applies again as it was written', () => {
  const api = new EmbeddedApiServer({ fieldManager: 'test', clock: systemClock });
  const folder = createTemporaryFolder();
  const program = unpackKubectl(folder.path);
  const cases = readCases();
  let front: HttpFront;

  before(async () => {
    for (const crd of buildCrds()) await api.apply(customResourceDefinitions, crd);
    for (const method of ['client', 'server'])
      for (const index of cases.keys()) {
        const metadata = { name: `${method}-${index}` };
        await api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata });
      }
    const token = 'kubectl-test-token';
    front = await startHttpFront({ api, token, logger: silentLogger });
    const { url: server, certificate } = front;
    await writeKubeConfig(join(folder.path, 'kubeconfig'), { server, token, certificate, name: 'test' });
  });
  after(async () => {
    await front.close();
    folder[Symbol.dispose]();
  });

  async function kubectl(...args: readonly string[]): Promise<readonly string[]> {
    const env = { HOME: folder.path, KUBECONFIG: join(folder.path, 'kubeconfig'), PATH: process.env['PATH'] ?? '' };
    const { stdout } = await run(program, args, { env, timeout: 120_000 });
    return stdout.trim().split('\n');
  }

  /** Of a case that is an update, what it was before, then what it becomes: each case in a namespace of its own. */
  function writeManifests(method: string): readonly string[] {
    const place = (document: KubeObject, index: number) =>
      stringify(
        { ...document, metadata: { ...document.metadata, namespace: `${method}-${index}` } },
        { version: '1.1' },
      );
    const isUpdate = ({ documents: [first, second] }: CorpusCase) =>
      second !== undefined && first?.metadata.name === second.metadata.name;
    const first = cases.flatMap((each, index) =>
      each.documents.slice(0, isUpdate(each) ? 1 : undefined).map((one) => place(one, index)),
    );
    const last = cases.flatMap((each, index) =>
      each.documents.slice(isUpdate(each) ? -1 : 0).map((one) => place(one, index)),
    );
    return [first, last].map((documents, index) => {
      const file = join(folder.path, `${method}-${index}.yaml`);
      writeFileSync(file, documents.join('---\n'));
      return file;
    });
  }

  for (const [method, options, unchanged] of [
    ['client', [], 'unchanged'],
    ['server', ['--server-side'], 'serverside-applied'],
  ] as const)
    it(`is unchanged, by an apply of the ${method}, and has no diff`, async () => {
      for (const file of writeManifests(method)) {
        await kubectl('apply', ...options, '-f', file);
        const { revision } = api.store;
        const answers = await kubectl('apply', ...options, '-f', file);
        assert.ok(answers.length >= cases.length);
        assert.deepEqual(
          answers.filter((answer) => !answer.endsWith(` ${unchanged}`)),
          [],
        );
        assert.equal(api.store.revision, revision);
        assert.deepEqual(await kubectl('diff', ...options, '-f', file), ['']);
      }
    });
});
