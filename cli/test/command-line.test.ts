import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import {
  authGateway,
  buildCrds,
  dataSourceResource,
  monitoring,
  operationNode,
  tenantNode,
  tenantResource,
} from '@hybridstore/contracts';
import { customResourceDefinitions, type KubeObject, namespaces } from '@hybridstore/controller-runtime';
import { EmbeddedApiServer, startHttpFront, writeKubeConfig } from '@hybridstore/embedded-kubernetes';
import { silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { exitCodes, runCommandLine } from '../src/command-line.ts';
import type { Io } from '../src/io.ts';
import { FakeGateway } from './fake-gateway.ts';

// The command line in this process, against a real embedded API server and a gateway with canned answers.

type Ran = { readonly code: number; readonly out: string; readonly err: string };
type RunOptions = {
  readonly stdin?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly io?: Partial<Io>;
};

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-command-line-'));
const dataDir = join(folder, 'data');
const clock = new FakeClock();
let gateway: FakeGateway;
let api: EmbeddedApiServer;
let stopApi: () => Promise<void>;

before(async () => {
  api = new EmbeddedApiServer({ fieldManager: 'test', clock });
  const front = await startHttpFront({ api, token: 'secret', logger: silentLogger });
  stopApi = front.close;
  mkdirSync(dataDir);
  const server = { server: front.url, token: 'secret', certificate: front.certificate, name: 'test' };
  await writeKubeConfig(join(dataDir, 'kubeconfig'), server);
  for (const definition of buildCrds())
    await api.apply(customResourceDefinitions, definition as Parameters<typeof api.apply>[1], { force: true });
  await api.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
});
after(async () => {
  await stopApi();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  gateway = await FakeGateway.start();
  // Written as `npm start` writes it.
  writeFileSync(join(dataDir, 'admin.json'), JSON.stringify({ username: 'admin', password: 'right' }));
  const endpoints = {
    gateway: gateway.url,
    services: {},
    tenants: { 'default/acme': { url: '', nodes: [] } },
    kubeconfig: join(dataDir, 'kubeconfig'),
    admin_credentials: join(dataDir, 'admin.json'),
  };
  writeFileSync(join(dataDir, 'endpoints.json'), JSON.stringify(endpoints));
});
afterEach(() => gateway.stop());

async function run(argv: readonly string[], { stdin = '', variables = {}, io = {} }: RunOptions = {}): Promise<Ran> {
  const texts = { out: '', err: '' };
  const sink = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk, _encoding, done) => {
        texts[name] += String(chunk);
        done();
      },
    });
  const code = await runCommandLine(argv, {
    stdin: Readable.from([stdin]),
    stdout: sink('out'),
    stderr: sink('err'),
    variables: { HYBRIDSTORE_DATA_DIR: dataDir, ...variables },
    signal: new AbortController().signal,
    ...io,
  });
  return { code, ...texts };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const tenantYaml = `apiVersion: hybridstore.dev/v1alpha1
kind: Tenant
metadata: { name: acme }
spec: { displayName: Acme }
`;
const sourceYaml = (name: string, sourceId = name) => `apiVersion: hybridstore.dev/v1alpha1
kind: DataSource
metadata: { name: ${name} }
spec: { tenantRef: { name: acme }, sourceId: ${sourceId} }
`;

describe('a wrong command line', () => {
  const wrong: readonly (readonly [argv: readonly string[], error: RegExp])[] = [
    [['gte'], /^error: unknown command 'gte' \(Did you mean get\?\)$/],
    [['get', 'tenants', '--wach'], /^error: unknown option '--wach' \(Did you mean --watch\?\)$/],
    [['get'], /^error: missing required argument 'kind' \(see hybridstore get --help\)$/],
    [['get', 'nodes'], /^error: KIND: expected one of tenants, .*events, found nodes \(see hybridstore get --help\)$/],
    [['get', 'tenants', '-o', 'csv'], /Allowed choices are table, wide, json, yaml, name/],
    [['delete', 'tenant'], /^error: delete: expected KIND NAME, or -f FILE/],
    [['apply'], /required option '-f, --filename <path\.\.\.>' not specified/],
    [['apply', '-f', '/nowhere'], /^error: --filename: expected a file, a folder or -, found nothing at \/nowhere/],
    [['load', '/nowhere'], /^error: FILE: expected a file, found nothing at \/nowhere/],
    [['load', '/tmp'], /^error: FILE: expected a file, found something else at \/tmp/],
    [['load', 'package.json', '--batch', '0'], /Expected an integer from 1 to 50000/],
    [['query', '--timeout', 'soon', 'SELECT 1'], /Expected an integer from 1 to 3600/],
    [['query', ' '], /^error: TEXT: expected a query as the argument, in --file or on standard input, found none/],
    [['query', '--dsl', '--dialect', 'duckdb', '{}'], /^error: --dialect: expected with SQL only/],
    [['query', '--to', 'x.xls', 'x'], /^error: --to: expected a file that ends in one of parquet, .*, found x\.xls/],
    [['query', '--to', 'x.csv', '-o', 'csv', 'x'], /^error: --format: expected no --to beside it/],
    [['query', '--null-text', '-', '-o', 'json', 'x'], /^error: --null-text: expected with table, .* found json/],
    [['query', '--consistency', 'bounded(0)', 'x'], /Expected strict, committed, or bounded\(<ms>\) with 1 to 3600000/],
    [['query', '--consistency', 'eventual', 'x'], /Expected strict, committed, or bounded\(<ms>\)/],
    [['query', '--dialect', 'oracle', 'x'], /Allowed choices are mysql, postgresql, duckdb/],
    [['--username', 'ann', 'status'], /^error: --password-file: expected the file/],
    [['status', '--gateway', 'notaurl'], /^error: --gateway: expected an address such as .*, found notaurl/],
    [
      ['status', '--gateway', 'localhost:8080'],
      /^error: --gateway: expected an address such as .*, found localhost:8080/,
    ],
    [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
  ];
  for (const [argv, error] of wrong)
    it(`is refused in one line with exit code 2: ${argv.join(' ')}`, async () => {
      const ran = await run(argv);
      assert.deepEqual([ran.code, ran.out, ran.err.split('\n').length], [exitCodes.usage, '', 2], ran.err);
      assert.match(ran.err.trimEnd(), error);
    });

  it('shows the help when there is no command, and to each command its own', async () => {
    const none = await run([]);
    assert.deepEqual([none.code, none.out], [exitCodes.usage, '']);
    assert.match(none.err, /^Usage: hybridstore/);
    for (const command of ['apply', 'get', 'delete', 'load', 'query', 'token', 'status', 'completion']) {
      const ran = await run([command, '--help']);
      assert.deepEqual([ran.code, ran.err], [exitCodes.done, '']);
      assert.match(ran.out, new RegExp(`^Usage: hybridstore ${command} [\\s\\S]*Global Options:[\\s\\S]*--tenant`));
    }
  });
});

describe('finding the platform', () => {
  it('says how to name one when there is none', async () => {
    const ran = await run(['get', 'tenants', '--data-dir', join(folder, 'empty')]);
    assert.deepEqual(
      [ran.code, ran.err],
      [
        1,
        'error: no platform found: start one with npm start, name its folder with --data-dir, or a cluster with KUBECONFIG\n',
      ],
    );
  });

  it('names the file that cannot be read', async () => {
    writeFileSync(join(dataDir, 'endpoints.json'), '{');
    const damaged = await run(['status']);
    assert.match(
      damaged.err,
      /^error: .*endpoints\.json: expected what npm start writes there, found something unreadable\n$/,
    );
    const missing = await run(['get', 'pods', '--kubeconfig', '/nowhere']);
    assert.match(
      missing.err,
      /^error: KUBECONFIG: expected a readable kubeconfig file, found \/nowhere \(ENOENT.*\)\n$/,
    );
    assert.deepEqual([damaged.code, missing.code], [1, 1]);
  });

  it('takes a cluster that KUBECONFIG names before a data folder that lies here', async () => {
    const ran = await run(['get', 'pods'], { variables: { KUBECONFIG: '/elsewhere' } });
    assert.match(ran.err, /found \/elsewhere/);
  });

  it('gives a hint when the gateway is away', async () => {
    const ran = await run(['status', '--gateway', 'http://127.0.0.1:1', '--token', 'x']);
    assert.deepEqual(
      [ran.code, ran.err],
      [
        1,
        'error: 127.0.0.1:1 cannot be reached (is the platform up? npm start starts one here, hybridstore status shows it)\n',
      ],
    );
  });
});

describe('resources', () => {
  it('are checked by a dry run and not stored', async () => {
    const ran = await run(['apply', '-f', file('t.yaml', tenantYaml), '--dry-run']);
    assert.deepEqual(ran, { code: 0, out: 'tenants/acme created (dry run)\n', err: '' });
    assert.equal((await run(['get', 'tenant', 'acme'])).err, 'error: tenants.hybridstore.dev "acme" not found\n');
  });

  it('are made from several documents, a folder and standard input, and show whether they changed', async () => {
    const many = join(folder, 'many');
    mkdirSync(many);
    writeFileSync(join(many, 'a.yaml'), `${tenantYaml}---\n${sourceYaml('one')}---\n`);
    writeFileSync(join(many, 'b.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] }));
    writeFileSync(join(many, 'notes.txt'), 'not an object');
    const created = await run(['apply', '-f', many, '-'], { stdin: sourceYaml('two') });
    assert.deepEqual(created, {
      code: 0,
      out: 'tenants/acme created\ndatasources/one created\ndatasources/two created\n',
      err: '',
    });
    const changed = tenantYaml.replace('Acme', 'Acme & Sons');
    const dry = await run(['apply', '-f', '-', '--dry-run'], { stdin: changed });
    const again = await run(['apply', '-f', '-'], { stdin: `${changed}---\n${sourceYaml('one')}` });
    assert.deepEqual(
      [dry.out, again.out],
      ['tenants/acme configured (dry run)\n', 'tenants/acme configured\ndatasources/one unchanged\n'],
    );
  });

  it('that are refused do not keep the others back, and each is named with its file', async () => {
    const path = file('mixed.yaml', `${sourceYaml('bad', 'BAD')}---\n${sourceYaml('three')}`);
    const ran = await run(['apply', '-f', path]);
    assert.deepEqual([ran.code, ran.out], [1, 'datasources/three created\n']);
    const [refused, summary] = ran.err.split('\n');
    assert.match(refused ?? '', /^error: .*mixed\.yaml: datasources\/bad: .*spec\.sourceId.*"BAD"/);
    assert.equal(summary, 'error: 1 of 2 objects were not applied');
  });

  it('are not applied at all when a document cannot be understood', async () => {
    const broken: readonly (readonly [text: string, error: RegExp])[] = [
      ['a: [1,\n', /p\.yaml: not valid YAML: /],
      ['kind: Tenant\nmetadata: { name: x }\n', /p\.yaml: document 2: expected an object with apiVersion, found none/],
      ['just text\n', /document 2: expected an object with kind, found none/],
      ['apiVersion: v1\nkind: Node\nmetadata: { name: x }\n', /document 2: kind: expected one of tenants.*found Node/],
      [
        tenantYaml.replace('v1alpha1', 'v9'),
        /apiVersion: expected hybridstore\.dev\/v1alpha1 for a Tenant, found hybridstore\.dev\/v9/,
      ],
    ];
    for (const [text, error] of broken) {
      const ran = await run(['apply', '-f', file('p.yaml', `${sourceYaml('never')}---\n${text}`)]);
      assert.deepEqual([ran.code, ran.out], [1, '']);
      assert.match(ran.err, error);
    }
    assert.match((await run(['apply', '-f', '-'], { stdin: '\n' })).err, /expected objects in -, found none/);
    assert.equal((await run(['get', 'hsds', 'never'])).code, 1);
  });

  it('keep fields of others unless they are taken over', async () => {
    await api.apply<KubeObject>(tenantResource, tenantOf('shared', 'Theirs'), { fieldManager: 'somebody' });
    const path = file('shared.yaml', tenantYaml.replace('acme', 'shared'));
    const refused = await run(['apply', '-f', path]);
    assert.match(refused.err, /conflict with "somebody".*displayName \(--force-conflicts takes the fields over\)/);
    assert.equal((await run(['apply', '-f', path, '--force-conflicts'])).out, 'tenants/shared configured\n');
    await run(['delete', 'tenant', 'shared']);
  });

  it('are waited for, and reported when they do not become Ready in time', async () => {
    const ready = run(['apply', '-f', '-', '--wait'], { stdin: sourceYaml('one') });
    await api.patchStatus(dataSourceResource, {
      apiVersion: 'hybridstore.dev/v1alpha1',
      kind: 'DataSource',
      metadata: { name: 'one', namespace: 'default' },
      status: {
        rows: 12,
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: 'Registered',
            message: '',
            observedGeneration: 1,
            lastTransitionTime: '2026-01-01T00:00:00Z',
          },
        ],
      },
    });
    assert.deepEqual(await ready, { code: 0, out: 'datasources/one unchanged\ndatasources/one ready\n', err: '' });
    const late = await run(['apply', '-f', '-', '--wait', '--timeout', '1'], { stdin: sourceYaml('two') });
    assert.deepEqual(
      [late.code, late.err],
      [
        1,
        'error: datasources/two is not ready: no condition yet after 1 s (try again, or give it more time with --timeout)\n',
      ],
    );
  });

  it('are shown in the columns of their definition, aligned and sorted', async () => {
    const table = await run(['get', 'datasources']);
    assert.deepEqual(
      table.out.replaceAll(/ +\S+\n/g, '\n').split('\n'),
      [
        'NAME   TENANT  SOURCE  READY  REASON      ROWS  FILES',
        'one    acme    one     True   Registered  12',
        'three  acme    three',
        'two    acme    two',
        '',
      ],
      table.out,
    );
    assert.match(
      (await run(['get', 'hsds', '-A', '-o', 'wide'])).out,
      /^NAMESPACE {2}NAME .* FILES {2}VERSION {2}AGE\n/,
    );
  });

  it('are printed as names, YAML and JSON: one as itself, several as a list', async () => {
    assert.equal((await run(['get', 'hsds', 'two', 'one', '-o', 'name'])).out, 'datasources/one\ndatasources/two\n');
    const one = JSON.parse((await run(['get', 'hsds', 'one', '-o', 'json'])).out) as Record<string, unknown>;
    const list = JSON.parse((await run(['get', 'hsds', '-o', 'json'])).out) as { kind: string; items: unknown[] };
    assert.deepEqual([one['kind'], list.kind, list.items.length], ['DataSource', 'List', 3]);
    const yaml = await run(['get', 'hsds', '-o', 'yaml']);
    const again = await run(['apply', '-f', '-', '--dry-run'], {
      stdin: (await run(['get', 'hsds', 'two', '-o', 'yaml'])).out,
    });
    assert.match(
      yaml.out,
      /^apiVersion: v1\nkind: List\nitems:\n {2}- apiVersion: .*\n {4}kind: DataSource\n {4}metadata:\n/,
    );
    const alone = await run(['get', 'hsds', 'two', '-o', 'yaml']);
    assert.match(alone.out, /^apiVersion: hybridstore.dev\/v1alpha1\nkind: DataSource\nmetadata:\n/);
    assert.match(again.err + again.out, /datasources\/two|managedFields/);
  });

  it('that are not there are said on standard error', async () => {
    const ran = await run(['get', 'pods', '-n', 'elsewhere']);
    assert.deepEqual(ran, { code: 0, out: '', err: 'no pods found in namespace elsewhere\n' });
  });

  it('are watched until an interrupt, each change in the columns of the table above', async () => {
    const interrupt = new AbortController();
    const lines = new PassThrough();
    const watching = run(['get', 'hsds', 'one', '-w', '-o', 'name'], {
      io: { stdout: lines, signal: interrupt.signal },
    });
    await nextLine(lines, 'datasources/one');
    const change = sourceYaml('one').replace('spec: {', 'spec: { compression: zstd,');
    assert.equal((await run(['apply', '-f', '-'], { stdin: change })).out, 'datasources/one configured\n');
    await nextLine(lines, 'datasources/one');
    interrupt.abort();
    assert.deepEqual(await watching, { code: exitCodes.interrupted, out: '', err: '' });
  });

  it('are documents of one stream of YAML while they are watched', async () => {
    const interrupt = new AbortController();
    const documents = new PassThrough({ encoding: 'utf8' });
    const watching = run(['get', 'hsds', 'one', '-w', '-o', 'yaml'], {
      io: { stdout: documents, signal: interrupt.signal },
    });
    const next = async () => {
      for await (const chunk of documents.iterator({ destroyOnReturn: false })) return String(chunk);
      return '';
    };
    assert.match(await next(), /^apiVersion: hybridstore/);
    await run(['apply', '-f', '-'], { stdin: sourceYaml('one').replace('spec: {', 'spec: { compression: gzip,') });
    assert.match(await next(), /^---\napiVersion: hybridstore/);
    interrupt.abort();
    await watching;
  });

  it('are deleted by name or by file, and what is gone already is an error unless allowed', async () => {
    const gone = await run(['delete', 'hsds', 'one', 'two', '--wait']);
    assert.equal(
      gone.out,
      'datasources/one deleted\ndatasources/two deleted\ndatasources/one gone\ndatasources/two gone\n',
    );
    assert.equal((await run(['delete', 'hsds', 'one'])).err, 'error: datasources.hybridstore.dev "one" not found\n');
    const path = file('rest.yaml', `${tenantYaml}---\n${sourceYaml('one')}---\n${sourceYaml('three')}`);
    assert.deepEqual(await run(['delete', '-f', path, '--ignore-not-found']), {
      code: 0,
      out: 'datasources/three deleted\ntenants/acme deleted\n',
      err: '',
    });
  });
});

describe('asking', () => {
  it('prints an aligned table, and the figures on standard error', async () => {
    assert.deepEqual(await run(['query', 'SELECT 1']), {
      code: 0,
      out: 'name  n\nü     1\nnull  2\n',
      err: '2 rows in 1.3 ms\n',
    });
  });

  it('prints warnings on standard error, a line each, and leaves them in JSON', async () => {
    const warnings = [
      { code: 'binary_text_comparison', message: 'texts of name are compared\nbyte by byte' },
      { code: 'text_read_as_number', message: 'texts of note count as 0' },
    ];
    gateway.handlers.set('/query/sql', () => ({
      columns: [{ name: 'n', type: 'bigint' }],
      rows: [[1]],
      row_count: 1,
      stats: { query_id: 'q', elapsed_ms: 1, warnings },
    }));
    const lines =
      'warning: texts of name are compared byte by byte (binary_text_comparison)\n' +
      'warning: texts of note count as 0 (text_read_as_number)\n';
    assert.equal((await run(['query', 'SELECT 1'])).err, `1 row in 1.0 ms\n${lines}`);
    assert.deepEqual(await run(['query', 'SELECT 1', '--format', 'csv']), { code: 0, out: 'n\r\n1\r\n', err: lines });
    const json = await run(['query', 'SELECT 1', '--format', 'json']);
    assert.deepEqual([JSON.parse(json.out).stats.warnings, json.err], [warnings, '']);
  });

  it('prints JSON, NDJSON and CSV for programs, with nothing beside them', async () => {
    const outputs = await Promise.all(
      ['json', 'ndjson', 'csv'].map((format) => run(['query', 'SELECT 1', '--format', format])),
    );
    const [json, ndjson, csv] = outputs;
    assert.deepEqual((JSON.parse(json?.out ?? '') as { rows: unknown }).rows, [
      ['ü', 1],
      [null, 2],
    ]);
    assert.equal(ndjson?.out, '{"name":"ü","n":1}\n{"name":null,"n":2}\n');
    assert.equal(csv?.out, 'name,n\r\nü,1\r\n,2\r\n');
    assert.deepEqual(
      outputs.map((ran) => [ran.code, ran.err]),
      [
        [0, ''],
        [0, ''],
        [0, ''],
      ],
    );
  });

  it('writes the answer into a file by its ending, whole or not at all', async () => {
    const path = join(folder, 'answer.csv');
    const ran = await run(['query', 'SELECT 1', '--to', path, '--null-text', '-']);
    assert.deepEqual(ran, { code: 0, out: '', err: `2 rows written to ${path} in 1.3 ms\n` });
    assert.equal(readFileSync(path, 'utf8'), 'name,n\r\nü,1\r\n-,2\r\n');
    assert.equal((await run(['query', 'SELECT 1', '--to', join(folder, 'answer.ndjson')])).code, 0);
    gateway.handlers.set(operationNode.querySql.path, () => '{"columns":[{"name":"a","type":"bigint"}],"rows":[[1],');
    const broken = await run(['query', 'SELECT 1', '--to', path]);
    assert.match(broken.err, /^error: the answer broke off before its end/);
    assert.equal(readFileSync(path, 'utf8'), 'name,n\r\nü,1\r\n-,2\r\n');
    assert.equal(existsSync(`${path}.part`), false);
  });

  it('fails with the error that ends a stream of lines', async () => {
    const failure = { error: { code: 'too_large', message: 'too many rows', details: {}, request_id: 'r' } };
    gateway.handlers.set(operationNode.querySql.path, () => `{"n":1}\n${JSON.stringify(failure)}\n`);
    const ran = await run(['query', 'SELECT 1', '-o', 'ndjson']);
    assert.deepEqual(ran, { code: 1, out: '{"n":1}\n', err: 'error: too many rows\n' });
  });

  it('says how many values of a table it has cut', async () => {
    const long = {
      columns: [{ name: 's', type: 'string' }],
      rows: [['x'.repeat(61)]],
      row_count: 1,
      stats: { elapsed_ms: 1 },
    };
    gateway.handlers.set(operationNode.querySql.path, () => long);
    const cut = await run(['query', 'SELECT 1']);
    assert.equal(cut.err, '1 row in 1.0 ms; 1 value cut to 60 characters (--no-truncate shows them whole)\n');
    const whole = await run(['query', 'SELECT 1', '--no-truncate']);
    assert.deepEqual([whole.out, whole.err], [`s\n${'x'.repeat(61)}\n`, '1 row in 1.0 ms\n']);
  });

  it('sends the dialect, the parameters and the bounds, from the argument, a file or standard input', async () => {
    const flags = ['--dialect', 'duckdb', '--consistency', 'committed', '--timeout', '7'];
    const parameters = ['1', '-2.5', 'true', 'null', 'x', '007', '9007199254740993', '0.1234567890123456789'].flatMap(
      (value) => ['-p', value],
    );
    await run(['query', 'SELECT ?', ...flags, ...parameters]);
    await run(['query', '--file', file('q.sql', 'SELECT 2'), '--consistency', 'bounded(30000)']);
    await run(['query'], { stdin: 'SELECT 3' });
    await run(['query', '--dsl', '-'], { stdin: '{"query_type":"filter"}' });
    const bodies = gateway.calls.filter((call) => call.path.startsWith('/query')).map((call) => call.body);
    assert.deepEqual(bodies, [
      {
        query: 'SELECT ?',
        dialect: 'duckdb',
        parameters: [1, -2.5, true, null, 'x', '007', '9007199254740993', '0.1234567890123456789'],
        consistency: 'committed',
        timeout_seconds: 7,
      },
      { query: 'SELECT 2', consistency: 'bounded(30000)' },
      { query: 'SELECT 3' },
      { query: { query_type: 'filter' } },
    ]);
  });

  it('says in one line what the platform refuses', async () => {
    gateway.refuse(operationNode.querySql, { code: 'invalid_request', message: 'syntax error\n  at line 1' });
    assert.deepEqual(await run(['query', 'SELEC 1']), { code: 1, out: '', err: 'error: syntax error at line 1\n' });
    assert.match((await run(['query', '--dsl', '{'])).err, /^error: --dsl: expected a JSON object \(.*\)\n$/);
    assert.match(
      (await run(['query', '--file', '/nowhere'])).err,
      /^error: --file: expected a readable file, found \/nowhere\n$/,
    );
  });

  it('ends quietly when the reader of the pipe is gone', async () => {
    const closed = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    closed.on('error', () => {});
    const ran = await run(['query', 'SELECT 1', '--format', 'ndjson'], { io: { stdout: closed } });
    assert.deepEqual([ran.code, ran.err], [0, '']);
  });
});

describe('tokens and health', () => {
  const otherYaml = tenantYaml.replace('acme', 'other');
  beforeEach(async () => {
    const left = (await run(['get', 'tenants', '-o', 'name'])).out.split('\n').filter((name) => name !== '');
    for (const name of left) await run(['delete', 'tenant', name.replace('tenants/', '')]);
    await run(['apply', '-f', '-'], { stdin: tenantYaml });
  });

  it('works in the only tenant, whenever that was made; in none of several', async () => {
    const asked = async () => {
      await run(['token']);
      return (gateway.calls.at(-1)?.body as { readonly tenant_id?: string } | undefined)?.tenant_id;
    };
    await run(['apply', '-f', '-'], { stdin: otherYaml });
    assert.equal(await asked(), undefined);
    await run(['delete', 'tenant', 'acme']);
    assert.equal(await asked(), 'default/other');
    await run(['delete', 'tenant', 'other']);
    assert.equal(await asked(), undefined);
    await run(['apply', '-f', '-'], { stdin: tenantYaml });
    assert.equal(await asked(), 'default/acme');
  });

  it('prints a token of the administrator for the tenant, or of a user', async () => {
    assert.equal((await run(['token'])).out, 'token-of-admin\n');
    assert.deepEqual(gateway.calls.at(-1)?.body, { username: 'admin', password: 'right', tenant_id: 'default/acme' });
    const asAnn = ['--username', 'ann', '--password-file', file('password', 'right\n')];
    assert.match((await run(['token', '-o', 'json', ...asAnn])).out, /^\{"access_token":"token-of-ann".*\}\n$/);
    assert.deepEqual(gateway.calls.at(-1)?.body, { username: 'ann', password: 'right' });
  });

  it('says that a password is wrong, and how to log in', async () => {
    const ran = await run(['token', '--username', 'ann', '--password-file', file('password', 'wrong')]);
    assert.deepEqual(
      [ran.code, ran.err],
      [1, 'error: user or password is wrong (log in with --username and --password-file, or give a --token)\n'],
    );
    assert.equal(gateway.calls.at(-1)?.path, authGateway.login.path);
  });

  it('paints the state of a service on a terminal, and nothing that a service says', async () => {
    let shown = '';
    const terminal = new Writable({
      write: (chunk, _encoding, done) => {
        shown += String(chunk);
        done();
      },
    });
    Object.assign(terminal, { isTTY: true });
    const services = [
      { service: 'cbo-engine', instance: 'cbo-0', status: 'unreachable', reasons: ['\u001b[2Jrefused'] },
      { service: 'tenant-node', instance: 'hs-0', status: 'healthy', reasons: [] },
    ];
    gateway.handlers.set(monitoring.healthAll.path, () => ({ status: 'degraded', services }));
    await run(['status'], { io: { stdout: terminal } });
    const lines = shown.split('\n');
    assert.ok(lines.includes('cbo-engine   cbo-0     \u001b[31munreachable\u001b[39m  ·[2Jrefused'), shown);
    assert.ok(lines.includes('tenant-node  hs-0      \u001b[32mhealthy\u001b[39m'), shown);
  });

  it('names the variable that holds no address', async () => {
    const ran = await run(['status'], { variables: { HYBRIDSTORE_GATEWAY: 'ftp://x' } });
    assert.match(ran.err, /^error: HYBRIDSTORE_GATEWAY: expected an address/);
  });

  it('shows services and sources, and fails when a service is ill', async () => {
    assert.deepEqual(await run(['status']), {
      code: 0,
      out: [
        'SERVICE       INSTANCE        STATUS   REASONS',
        'auth-gateway  auth-gateway-0  healthy',
        'tenant-node   tenant-node-0   healthy',
        '',
        'default/acme  1 active node',
        'SOURCE      ROWS  UNFLUSHED  FILES  BYTES  VERSION',
        'numbers  1234567          0      2     89        7',
        '',
      ].join('\n'),
      err: '',
    });
    gateway.handlers.set(monitoring.healthAll.path, () => ({
      status: 'degraded',
      services: [{ service: 'cbo-engine', instance: 'cbo-0', status: 'unreachable', reasons: ['refused'] }],
    }));
    const ill = await run(['status', '-o', 'json']);
    assert.equal((JSON.parse(ill.out) as { health: { status: string } }).health.status, 'degraded');
    assert.deepEqual([ill.code, ill.err], [1, 'error: 1 of 1 services are not healthy: cbo-0\n']);
  });
});

describe('loading', () => {
  const ndjson = (ids: readonly unknown[]) => ids.map((id) => JSON.stringify({ id })).join('\n');
  const ids = Array.from({ length: 25 }, (_, id) => id);
  const summary = (ran: Ran) => ran.out.replace(/ in [\d.]+ s\n$/, '');

  it('brings every row of a file, named after it, with no bar outside a terminal', async () => {
    const ran = await run(['load', file('numbers.ndjson', ndjson(ids)), '--batch', '10']);
    assert.deepEqual([ran.code, ran.err, summary(ran)], [0, '', 'numbers: 25 rows acknowledged']);
    assert.deepEqual(gateway.ids, ids);
  });

  it('fails for a file that holds bytes and no row, and not for an empty one', async () => {
    for (const [name, text] of [
      ['numbers.csv', 'id\n'],
      ['numbers.json', '[]'],
      ['numbers.ndjson', '\n'],
    ] as const) {
      const ran = await run(['load', file(name, text)]);
      assert.deepEqual([ran.code, summary(ran)], [1, 'numbers: 0 rows acknowledged']);
      assert.match(ran.err, new RegExp(`^error: .*${name}: expected rows, found none in ${text.length} bytes\n$`));
    }
    assert.equal((await run(['load', file('numbers.csv', '')])).code, 0);
  });

  it('sends nothing of a file with a byte that is not of its encoding', async () => {
    const path = join(folder, 'numbers.csv');
    writeFileSync(path, Buffer.from(`id\n${'1\n'.repeat(20)}\xe9\n`, 'latin1'));
    const ran = await run(['load', path, '--batch', '2']);
    assert.match(ran.err, /^error: .*numbers\.csv: line 22, byte 1: expected utf-8, found 0xE9; --encoding/);
    assert.deepEqual([ran.code, gateway.ids], [1, []]);
  });

  it('reads several files, patterns and standard input, each by its own format', async () => {
    const many = join(folder, 'many-files');
    mkdirSync(many);
    writeFileSync(join(many, 'b.csv'), 'id\n3\n');
    writeFileSync(join(many, 'a.csv'), 'id\n1\n2\n');
    const argv = ['load', join(many, '*.csv'), file('c.ndjson', ndjson([4])), '--source', 'numbers'];
    const ran = await run(argv);
    assert.deepEqual([ran.code, ran.err, gateway.ids], [0, '', [1, 2, 3, 4]]);
    const piped = await run(['load', '-', '--format', 'csv', '--source', 'numbers'], { stdin: 'id\n5\nx\n' });
    assert.match(piped.err, /^standard input: line 3: rejected: id: expected a bigint, got "x"\n/);
    assert.deepEqual(gateway.ids, [1, 2, 3, 4, 5]);
    assert.match((await run(['load', '-', '--format', 'csv'])).err, /^error: --source: expected a source for standard/);
    assert.match(
      (await run(['load', join(many, '*.x')])).err,
      /^error: FILE: expected files that match .*, found none/,
    );
  });

  it('makes a source with columns for the first rows and shows them first, or only shows them', async () => {
    const added: unknown[] = [];
    gateway.handlers.set(tenantNode.addSource.path, ({ body }) => {
      added.push(body);
      return { source_id: 'made', created: true, schema_version: 1 };
    });
    const argv = ['load', file('made.csv', 'id,price\n1,0.5\n2,\n'), '--create'];
    const columns = 'made: columns of its first rows (1,000 at most)\nCOLUMN  TYPE\nid      bigint\nprice   double\n';
    const shown = await run([...argv, '--dry-run']);
    assert.deepEqual([shown, added, gateway.ids], [{ code: 0, out: columns, err: '' }, [], []]);
    const made = await run(argv);
    assert.equal(summary(made), `${columns}made: 2 rows acknowledged`);
    const types = [
      ['id', 'bigint'],
      ['price', 'double'],
    ].map(([name, type]) => ({ name, type }));
    assert.deepEqual([added, gateway.ids], [[{ source_id: 'made', columns: types }], [1, 2]]);
    assert.match((await run(['load', 'x', '--dry-run'])).err, /^error: --dry-run: expected --create beside it/);
  });

  it('refuses one load id for several files, whose batches would be taken for the same', async () => {
    const paths = [file('numbers.csv', 'id\n1\n'), file('numbers.ndjson', ndjson([2]))];
    const ran = await run(['load', ...paths, '--load-id', 'mine']);
    assert.deepEqual([ran.code, gateway.ids], [exitCodes.usage, []]);
    assert.match(ran.err, /^error: --load-id: expected with one file, found 2/);
  });

  it('takes a file that is read in another way for another load', async () => {
    const path = file('numbers.csv', 'id\n1\n');
    await run(['load', path]);
    await run(['load', path, '--null', 'x']);
    assert.deepEqual(gateway.ids, [1, 1]);
  });

  it('refuses a flag that a format has no use for', async () => {
    const path = file('numbers.ndjson', ndjson(ids));
    for (const [flag, ...value] of [['--delimiter', ';'], ['--null', 'x'], ['--decimal-comma']]) {
      const ran = await run(['load', path, String(flag), ...value]);
      assert.deepEqual([ran.code, gateway.ids], [exitCodes.usage, []]);
      assert.match(ran.err, new RegExp(`^error: ${flag}: expected with csv or tsv only, found ndjson`));
    }
    gateway.handlers.set(tenantNode.listSources.path, () => ({
      sources: [{ source_id: 'docs', definition: {}, columns: [], schema_version: 1, table_version: 0 }],
    }));
    for (const flag of [
      ['--epoch', 's'],
      ['--timestamp-format', '%F'],
      ['--nanoseconds', 'refuse'],
    ]) {
      const ran = await run(['load', path, '--source', 'docs', ...flag]);
      assert.equal(ran.code, exitCodes.usage);
      assert.match(ran.err, new RegExp(`^error: ${flag[0]}: expected with a source that declares columns, found docs`));
    }
    assert.match((await run(['load', 'x.parquet', '--encoding', 'latin1'])).err, /nothing at x\.parquet/);
    assert.match(
      (await run(['load', path, '--encoding', 'ebcdic'])).err,
      /--encoding: expected one of utf-8, .* found ebcdic/,
    );
  });

  it('shows a bar on a terminal and leaves it whole', async () => {
    let shown = '';
    const terminal = new Writable({
      write: (chunk, _encoding, done) => {
        shown += String(chunk);
        done();
      },
    });
    Object.assign(terminal, { isTTY: true, columns: 100, rows: 20 });
    const ran = await run(['load', file('numbers.csv', `id\n${ids.join('\n')}`)], { io: { stderr: terminal } });
    assert.deepEqual([ran.code, gateway.ids], [0, ids]);
    assert.match(shown, /numbers █{30} 100% \| 25 rows/);
    assert.ok(shown.lastIndexOf('\u001b[?25h') > shown.lastIndexOf('\u001b[?25l'), 'the cursor is shown again');
  });

  it('sends a repeated file under the same batch ids, from whatever path', async () => {
    const argv = ['--source', 'numbers', '--batch', '10'];
    await run(['load', file('first.ndjson', ndjson(ids)), ...argv]);
    const again = await run(['load', file('copy.ndjson', ndjson(ids)), ...argv]);
    assert.equal(
      summary(again),
      'numbers: 25 rows acknowledged, 25 of them already there from a load of the same file (--load-id NEW loads them again)',
    );
    assert.deepEqual(gateway.ids, ids);
    await run(['load', file('longer.ndjson', ndjson([...ids, 25])), ...argv]);
    await run(['load', file('copy.ndjson', ndjson(ids)), ...argv, '--load-id', 'mine']);
    assert.equal(gateway.ids.length, 25 + 26 + 25);
  });

  it('goes on after an interrupt without doubling a row', async () => {
    const path = file('numbers.ndjson', ndjson(ids));
    const interrupt = new AbortController();
    const { stop } = stopAfter(2, () => interrupt.abort());
    const argv = ['load', path, '--batch', '5', '--parallel', '1'];
    const cut = await run(argv, { io: { signal: interrupt.signal } });
    stop();
    assert.deepEqual([cut.code, summary(cut), gateway.ids.length], [130, 'numbers: 10 rows acknowledged', 10]);
    assert.equal(
      cut.err,
      'error: interrupted; the same command goes on where this one was, and no row is loaded twice\n',
    );
    assert.equal((await run(argv)).code, 0);
    assert.deepEqual(gateway.ids, ids);
  });

  it('names rejected rows by their lines, loads the others, and says that it is not all', async () => {
    const path = file('numbers.ndjson', '{"id":1}\n{"id":"x"}\n\nnot json\n{"id":2}\n');
    const ran = await run(['load', path]);
    assert.deepEqual([ran.code, summary(ran), gateway.ids], [1, 'numbers: 2 rows acknowledged, 2 rejected', [1, 2]]);
    assert.deepEqual(ran.err.split('\n').sort().slice(1), [
      `${path}: line 2: rejected: id: expected a bigint, got "x"`,
      `${path}: line 4: rejected: not valid JSON (Unexpected token 'o', "not json" is not valid JSON)`,
      'error: 2 rows were rejected; correct and load what was left out by itself',
    ]);
    const strict = await run(['load', path, '--rejected-max', '0']);
    assert.match(strict.err, /^error: .*numbers\.ndjson: line \d: .*\n$/);
    assert.equal(strict.code, 1);
  });

  it('refuses a source that is not there and a write that is not permitted', async () => {
    const missing = await run(['load', file('nope.csv', 'id\n1\n')]);
    assert.equal(
      missing.err,
      'error: --source: expected a source of the tenant (numbers), found nope; --create makes it\n',
    );
    gateway.refuse(tenantNode.write, { code: 'forbidden', message: 'write on numbers is not permitted' });
    const forbidden = await run(['load', file('numbers.csv', 'id\n1\n')]);
    assert.match(forbidden.err, /^error: write on numbers is not permitted \(ask an administrator .*\)\n$/);
    assert.deepEqual([missing.code, forbidden.code], [1, 1]);
  });

  /** Runs `work` when so many batches were taken. */
  function stopAfter(batches: number, work: () => void): { readonly stop: () => void } {
    const write = gateway.handlers.get(tenantNode.write.path);
    gateway.handlers.set(tenantNode.write.path, (call) => {
      const answer = write?.(call) ?? {};
      if (gateway.batches.size === batches) work();
      return answer;
    });
    return { stop: () => void (write && gateway.handlers.set(tenantNode.write.path, write)) };
  }
});

describe('completion', () => {
  it('prints the sources of the tenant, which its scripts ask for', async () => {
    assert.equal((await run(['completion', 'sources'])).out, 'numbers\n');
  });
});

function tenantOf(name: string, displayName: string) {
  return {
    apiVersion: 'hybridstore.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { name, namespace: 'default' },
    spec: { displayName },
  };
}

async function nextLine(lines: PassThrough, expected: string): Promise<void> {
  for await (const chunk of lines.iterator({ destroyOnReturn: false })) {
    assert.equal(String(chunk), `${expected}\n`);
    return;
  }
}
