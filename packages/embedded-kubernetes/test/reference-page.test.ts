import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { customResourceDefinitions, kubeError } from '@hybridstore/controller-runtime';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { Pool } from 'undici';
import { buildWidget, widgetDefinition, widgets } from '../../controller-runtime/test/kube/widget.ts';
import { EmbeddedApiServer } from '../src/api/api-server.ts';
import { type HttpFront, startHttpFront } from '../src/http/http-server.ts';
import { protobufKinds } from '../src/http/protobuf.ts';
import { patchTypes } from '../src/http/request-body.ts';

const page = readFileSync(new URL('../../../docs/reference/embedded-kubernetes.md', import.meta.url), 'utf8');

/** The text below a heading. */
function readSection(heading: string): string {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, `the page has no section ${heading}`);
  return section;
}

/** Cells of the rows of the table below a heading, without backticks. */
function readRows(heading: string): readonly (readonly string[])[] {
  const lines = readSection(heading)
    .split('\n')
    .filter((line) => line.startsWith('| '));
  return lines.slice(2).map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

type Discovered = { readonly name: string; readonly verbs: readonly string[]; readonly namespaced: boolean };
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Answer = { readonly status: number; readonly message: string };

const object = '{"metadata":{"name":"none"}}';
/** How each verb is asked for, of an object that does not exist. */
const requests: Readonly<Record<string, readonly [method: Method, suffix: string, body?: string]>> = {
  create: ['POST', '', '{}'],
  delete: ['DELETE', '/none'],
  deletecollection: ['DELETE', ''],
  get: ['GET', '/none'],
  list: ['GET', ''],
  patch: ['PATCH', '/none', '{}'],
  update: ['PUT', '/none', object],
  watch: ['GET', '?watch=1&timeoutSeconds=1'],
};
const subresources = ['status', 'scale', 'log', 'exec', 'eviction'];

describe('the page about the embedded API server', () => {
  const api = new EmbeddedApiServer({ fieldManager: 'test', clock: systemClock });
  let front: HttpFront;
  let pool: Pool;

  before(async () => {
    await api.apply(customResourceDefinitions, widgetDefinition);
    await api.apply(widgets, buildWidget('one', { size: 3 }));
    front = await startHttpFront({
      api,
      token: 'page',
      logger: silentLogger,
      readPodLog: ({ name }) => Promise.reject(kubeError({ reason: 'NotFound', message: `pods "${name}" not found` })),
      readPodUsage: () => [],
    });
    pool = new Pool(front.url, { connect: { ca: front.certificate } });
  });
  after(async () => {
    await pool.close();
    await front.close();
  });

  async function ask(method: Method, path: string, body?: string, type = 'application/json') {
    const headers = { authorization: 'Bearer page', 'content-type': type };
    const answer = await pool.request({ method, path, headers, ...(body === undefined ? {} : { body }) });
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  async function askForStatus(...request: Parameters<typeof ask>): Promise<Answer> {
    const { status, text } = await ask(...request);
    return { status, message: status < 400 ? '' : (JSON.parse(text) as { readonly message: string }).message };
  }

  function isServed({ status, message }: Answer): boolean {
    return status !== 405 && !(status === 404 && message.includes('could not find the requested resource'));
  }

  function pathOf(version: string, { name, namespaced }: Discovered): string {
    return `/${version === 'v1' ? 'api' : 'apis'}/${version}${namespaced ? '/namespaces/default' : ''}/${name}`;
  }

  async function discover(): Promise<readonly (readonly [version: string, resource: Discovered])[]> {
    const { groups } = JSON.parse((await ask('GET', '/apis')).text) as {
      readonly groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
    };
    const versions = groups.flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion));
    const lists = ['v1', ...versions.filter((version) => version !== 'test.hybridstore.dev/v1')].map(
      async (version) => {
        const { text } = await ask('GET', `/${version === 'v1' ? 'api' : 'apis'}/${version}`);
        const { resources } = JSON.parse(text) as { readonly resources: readonly Discovered[] };
        return resources.map((resource) => [version, resource] as const);
      },
    );
    return (await Promise.all(lists)).flat();
  }

  it('names the resources, verbs and subresources that discovery names', async () => {
    const discovered = await discover();
    const rows = discovered
      .filter(([, { name }]) => !name.includes('/'))
      .map(([version, { name, verbs }]) => {
        const below = discovered.filter(([other, sub]) => other === version && sub.name.startsWith(`${name}/`));
        const names = below.map(([, sub]) => sub.name.split('/')[1]).join(' ');
        return [version, name, verbs.join(' '), names === '' ? '–' : names];
      });
    assert.deepEqual(readRows('Resources'), rows);
  });

  it('names the verbs and subresources that the server really answers', async () => {
    const resources = (await discover()).filter(([, { name }]) => !name.includes('/'));
    const rows = resources.map(async ([version, resource]) => {
      const path = pathOf(version, resource);
      const verbs = Object.entries(requests).map(async ([verb, [method, suffix, body]]) => {
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
        if (verb !== 'watch') return isServed(await askForStatus(method, `${path}${suffix}`, body, type)) ? verb : '';
        return (await ask(method, `${path}${suffix}`)).status === 200 ? verb : '';
      });
      const names = subresources.map(async (name) =>
        isServed(await askForStatus('GET', `${path}/none/${name}`)) ? name : '',
      );
      const [served, below] = await Promise.all([Promise.all(verbs), Promise.all(names)]);
      const text = (list: readonly string[]) => list.filter((name) => name !== '').join(' ');
      return [version, resource.name, text(served), text(below) === '' ? '–' : text(below)];
    });
    assert.deepEqual(
      readRows('Resources').map(([version, name, verbs, below = '']) => [version, name, verbs, below]),
      await Promise.all(rows),
    );
  });

  it('names the types of patches that the server takes', async () => {
    const bodies: Readonly<Record<string, (kind: string) => string>> = {
      'application/json-patch+json': () => '[]',
      'application/apply-patch+yaml': (kind) => `{"apiVersion":${kind},"metadata":{}}`,
    };
    const targets = [
      ['/api/v1/namespaces/default', '"v1","kind":"Namespace"'],
      ['/apis/test.hybridstore.dev/v1/namespaces/default/widgets/one', '"test.hybridstore.dev/v1","kind":"Widget"'],
    ] as const;
    const rows = readRows('Patches');
    for (const [type = '', ...promised] of rows) {
      const answers = targets.map(async ([path, kind]) => {
        const body = bodies[type]?.(kind) ?? '{}';
        const { status, message } = await askForStatus('PATCH', `${path}?fieldManager=page&force=true`, body, type);
        assert.ok([200, 415].includes(status), `${type} ${path}: ${status} ${message}`);
        return status === 200 ? 'yes' : String(status);
      });
      assert.deepEqual(await Promise.all(answers), promised, type);
    }
    const taken = rows.filter(([, builtIn]) => builtIn === 'yes').map(([type]) => type);
    assert.deepEqual(taken, [...patchTypes]);
  });

  it('names the kinds that are read from protobuf', () => {
    const named = [...readSection('Bodies').matchAll(/^- `(.+)`$/gm)].map(([, kind]) => kind);
    assert.deepEqual(named, protobufKinds);
  });

  it('names requests that are refused, with their answers', async () => {
    const rows = readRows('What is not served');
    assert.ok(rows.length > 0);
    for (const [request = '', promised] of rows) {
      const [method, path = ''] = request.split(' ');
      const answer = await askForStatus(method as Method, path, method === 'POST' ? '{"metadata":{}}' : undefined); // the page's own words
      assert.equal(String(answer.status), promised, `${request}: ${answer.message}`);
      assert.equal(isServed(answer), false, request);
    }
  });

  it('says that quotas and roles enforce nothing', async () => {
    assert.match(page, /Roles and quotas are stored and enforce nothing\./);
    const quota = '{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"none"},"spec":{"hard":{"pods":"0"}}}';
    assert.equal((await ask('POST', '/api/v1/namespaces/default/resourcequotas', quota)).status, 201);
    const pod =
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"one"},"spec":{"containers":[{"name":"a","image":"b"}]}}';
    assert.equal((await ask('POST', '/api/v1/namespaces/default/pods', pod)).status, 201);
    const { items } = JSON.parse((await ask('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles')).text) as {
      readonly items: readonly object[];
    };
    assert.deepEqual(items, [], 'nobody was given a right, and everything was allowed');
  });
});
