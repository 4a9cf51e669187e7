import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { runCommandLine } from '../../cli/src/command-line.ts';
import { parseExactly } from '../../cli/src/load/parse-exactly.ts';
import { type TestNode, TestTenant, tenant } from '../../services/tenant-node/test/node/node-process.ts';
import { type FileCase, fileCases } from './file-cases.ts';

const data = fileURLToPath(new URL('data/', import.meta.url));
const subnet = 81;

describe('the files of the corpus, loaded into a real tenant node', () => {
  const folder = createTemporaryFolder('files');
  const acme = new TestTenant(folder.path, subnet);
  let node: TestNode;
  let sources = 0;

  before(async () => {
    node = acme.node(0);
    node.start();
    await node.ready();
  });
  after(async () => {
    await node.close();
    folder[Symbol.dispose]();
  });

  for (const one of fileCases)
    it(`${one.file}: ${one.what}`, async () => {
      sources += 1;
      const source = `files_${sources}`;
      if (one.columns !== 'inferred') await addSource(source, one.columns);
      const ran = await load(one, source);
      const says = (ran.err.match(/[^\n]+/g) ?? []).map((line) => line.replace(/^(error: )?\S*\/data\/\S+: /, ''));
      assert.deepEqual(says.toSorted(), (one.says ?? []).toSorted());
      assert.equal(ran.code, one.code ?? 0);
      assert.deepEqual(
        await readBack(source),
        one.rows.map((row) => canonical(parseExactly(row))),
      );
    });

  async function addSource(source: string, columns: Readonly<Record<string, string>> | undefined): Promise<void> {
    const list = columns && Object.entries(columns).map(([name, type]) => ({ name, type }));
    const body = { source_id: source, ...(list ? { columns: list } : {}) };
    const added = await node.call('POST', '/sources/add', { body });
    assert.equal(added.status, 201, added.text);
  }

  async function load(one: FileCase, source: string): Promise<{ readonly code: number; readonly err: string }> {
    let err = '';
    const argv = [...['load', `${data}${one.file}`, '--source', source], ...(one.flags ?? [])];
    const sink = (take: (text: string) => void) =>
      new Writable({
        write: (chunk, _encoding, done) => {
          take(String(chunk));
          done();
        },
      });
    const code = await runCommandLine(
      [...argv, '--gateway', node.url, '--token', acme.issuer.userToken(tenant), '--tenant', tenant],
      {
        stdin: Readable.from([]),
        stdout: sink(() => {}),
        stderr: sink((text) => {
          err += text;
        }),
        variables: { HYBRIDSTORE_DATA_DIR: folder.path },
        signal: new AbortController().signal,
      },
    );
    return { code, err };
  }

  async function readBack(source: string): Promise<unknown[]> {
    const body = { source_id: source, limit: 1_000 };
    const found = await node.call('POST', '/data/search', { body });
    assert.equal(found.status, 200, found.text);
    // As text: the numbers of documents have more digits than a double.
    const { records } = parseExactly(found.text) as { readonly records: readonly { readonly fields: object }[] };
    return records.map(({ fields }) => canonical(fields)).toSorted(byId);
  }
});

/** JSON of a row with the names in order and without nulls at the top, where a column of a row that is absent is null. */
function canonical(fields: unknown): string {
  const shown = Object.entries(fields as object).filter(([, value]) => value !== null); // of a row
  return JSON.stringify(Object.fromEntries(shown.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

function byId(a: string, b: string): number {
  const id = (row: string) => BigInt(/"id":"?(-?\d+)/.exec(row)?.[1] ?? 0);
  return id(a) < id(b) ? -1 : 1;
}
