import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { customResourceDefinitions, kubeError, statefulSets } from '@hybridstore/controller-runtime';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { Pool } from 'undici';
import { buildWidget, widgetDefinition, widgets } from '../../controller-runtime/test/kube/widget.ts';
import { EmbeddedApiServer } from '../src/api/api-server.ts';
import { type HttpFront, startHttpFront } from '../src/http/http-server.ts';
import { writeKubeConfig } from '../src/http/kubeconfig.ts';
import { parseResourcePath } from '../src/http/request-path.ts';

/** What the tests look at in answers of the server. */
type OpenApiSchema = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly 'x-kubernetes-group-version-kind'?: readonly object[];
};

type Document = {
  readonly kind: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly versions: readonly string[];
  readonly groups: readonly { readonly name: string }[];
  readonly resources: readonly { readonly name: string; readonly shortNames: readonly string[] }[];
  readonly paths: Readonly<
    Record<string, { readonly patch: { readonly parameters: readonly { readonly name: string }[] } }>
  >;
  readonly spec: { readonly size: number };
  readonly object: { readonly code: number };
  readonly columnDefinitions: readonly { readonly name: string }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
  readonly components: { readonly schemas: Readonly<Record<string, OpenApiSchema>> };
};

type CoreEvent = {
  readonly apiVersion: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string };
};
type CoreEventList = { readonly kind: string; readonly apiVersion: string; readonly items: readonly CoreEvent[] };

describe('HTTP front of the embedded API server', () => {
  const token = 'front-test-token';
  const api = new EmbeddedApiServer({ fieldManager: 'test', clock: systemClock });
  let front: HttpFront;
  let pool: Pool;

  before(async () => {
    await api.apply(customResourceDefinitions, widgetDefinition);
    await api.apply(widgets, buildWidget('one', { size: 3 }));
    const readPodLog = async ({ name }: { readonly name: string }, { tailLines }: { readonly tailLines?: number }) => {
      if (name !== 'talker') throw kubeError({ reason: 'NotFound', message: `pods "${name}" not found` });
      return ['first', 'second', 'third'].slice(-(tailLines ?? 3)).join('\n');
    };
    front = await startHttpFront({ api, token, logger: silentLogger, readPodLog });
    pool = new Pool(front.url, { connect: { ca: front.certificate } });
  });
  after(async () => {
    await pool.close();
    await front.close();
  });

  async function call(
    path: string,
    options: {
      method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
      body?: string;
      headers?: Record<string, string>;
    } = {},
  ) {
    const { method = 'GET', body, headers = {} } = options;
    const answer = await pool.request({
      method,
      path,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, text, json: () => JSON.parse(text) as Document };
  }

  it('nobody without the token gets in, whatever the path', async () => {
    for (const authorization of ['', 'Bearer wrong', `Basic ${token}`, token]) {
      const { status, json } = await call('/api/v1/secrets', { headers: { authorization } });
      assert.equal(status, 401);
      assert.equal(json().reason, 'Unauthorized');
    }
    assert.equal((await call('/readyz', { headers: { authorization: '' } })).status, 200);
  });

  it('the certificate is for this address and verified by its own authority', async () => {
    const stranger = new Pool(front.url);
    await assert.rejects(stranger.request({ method: 'GET', path: '/readyz' }), /certificate/);
    await stranger.close();
  });

  it('discovery names groups, kinds and their short names', async () => {
    assert.deepEqual((await call('/api')).json().versions, ['v1']);
    const { groups } = (await call('/apis')).json();
    assert.ok(
      groups.some((group) => group.name === 'test.hybridstore.dev') && groups.some((group) => group.name === 'apps'),
    );
    const { resources } = (await call('/apis/test.hybridstore.dev/v1')).json();
    assert.deepEqual(resources[0]?.shortNames, ['wd']);
    assert.deepEqual(
      resources.map((resource) => resource.name),
      ['widgets', 'widgets/status', 'widgets/scale'],
    );
  });

  it('the OpenAPI document says that PATCH checks fields', async () => {
    const path = '/apis/test.hybridstore.dev/v1/namespaces/{namespace}/widgets/{name}';
    const document = (await call('/openapi/v3/apis/test.hybridstore.dev/v1')).json().paths[path];
    assert.ok(document?.patch.parameters.some((parameter) => parameter.name === 'fieldValidation'));
  });

  it('the OpenAPI document explains the fields of custom kinds', async () => {
    const { components } = (await call('/openapi/v3/apis/test.hybridstore.dev/v1')).json();
    const schema = components.schemas['dev.hybridstore.test.v1.Widget'];
    assert.deepEqual(schema?.['x-kubernetes-group-version-kind'], [
      { group: 'test.hybridstore.dev', version: 'v1', kind: 'Widget' },
    ]);
    assert.equal(schema?.properties?.['spec']?.properties?.['size']?.type, 'integer');
    assert.deepEqual((await call('/openapi/v3/api/v1')).json().components.schemas, {});
  });

  it('bad requests get a Status that says what is wrong, never a stack trace', async () => {
    const collection = '/apis/test.hybridstore.dev/v1/namespaces/default/widgets';
    const rows: [string, Parameters<typeof call>[1], number, RegExp][] = [
      ['/nowhere', {}, 404, /could not find the requested resource/],
      ['/apis/none.dev/v1/things', {}, 404, /could not find the requested resource/],
      ['/api/v1/namespaces/default/pods/a/exec', { method: 'POST' }, 404, /could not find the requested resource/],
      [collection, { method: 'POST', body: '{not json' }, 400, /error decoding the body/],
      [collection, { method: 'POST', body: '[]' }, 400, /expected an object/],
      [collection, { method: 'POST', body: '{}' }, 400, /metadata/],
      [
        collection,
        { method: 'POST', body: JSON.stringify({ ...buildWidget('x'), metadata: { name: 'x', namespace: 'other' } }) },
        400,
        /does not match the namespace/,
      ],
      [
        `${collection}/one`,
        { method: 'PUT', body: JSON.stringify(buildWidget('two')) },
        400,
        /name of the object does not match/,
      ],
      [
        `${collection}/one`,
        { method: 'PATCH', body: '{}', headers: { 'content-type': 'application/json-patch+json' } },
        400,
        /expected a list of operations/,
      ],
      [
        `${collection}/one`,
        {
          method: 'PATCH',
          body: '[{"op":"test","path":"/spec/size","value":4}]',
          headers: { 'content-type': 'application/json-patch+json' },
        },
        422,
        /testing value \/spec\/size failed: expected 4, found 3/,
      ],
      [
        `${collection}/one`,
        {
          method: 'PATCH',
          body: '[{"op":"remove","path":"/metadata"}]',
          headers: { 'content-type': 'application/json-patch+json' },
        },
        400,
        /metadata: expected an object/,
      ],
      [
        `${collection}/one`,
        { method: 'PATCH', body: '{}', headers: { 'content-type': 'application/strategic-merge-patch+json' } },
        415,
        /accepted media types include: .*widgets\.test\.hybridstore\.dev is a custom resource/,
      ],
      [
        '/api/v1/namespaces/default',
        {
          method: 'PATCH',
          body: '{"metadata":{"$patch":"drop"}}',
          headers: { 'content-type': 'application/strategic-merge-patch+json' },
        },
        400,
        /metadata\.\$patch: unknown patch type/,
      ],
      [
        '/api/v1/namespaces/default?fieldValidation=Ignore',
        {
          method: 'PATCH',
          body: '{"metadata":{"lables":{"a":"1"}}}',
          headers: { 'content-type': 'application/strategic-merge-patch+json' },
        },
        400,
        /unknown field "metadata\.lables"/,
      ],
      [
        `${collection}/one`,
        { method: 'PATCH', body: '{}', headers: { 'content-type': 'text/plain' } },
        415,
        /accepted media types/,
      ],
      [`${collection}/one/status`, { method: 'DELETE' }, 405, /does not allow this method/],
      [collection, { method: 'DELETE' }, 405, /does not allow this method/],
      [`${collection}/one/nothing`, {}, 404, /could not find the requested resource/],
      [
        `${collection}/one`,
        {
          method: 'PATCH',
          body: JSON.stringify({ kind: 'Other' }),
          headers: { 'content-type': 'application/merge-patch+json' },
        },
        400,
        /may not change apiVersion, kind/,
      ],
      [`${collection}?labelSelector=a%20in%20b`, {}, 400, /unable to parse requirement/],
      [
        collection,
        { method: 'POST', body: JSON.stringify({ ...buildWidget('big'), pad: 'x'.repeat(3_200_000) }) },
        413,
        /larger than/,
      ],
    ];
    for (const [path, options, status, message] of rows) {
      const answer = await call(path, options);
      assert.equal(answer.status, status, `${path}: ${answer.text.slice(0, 200)}`);
      assert.equal(answer.json().kind, 'Status');
      assert.match(answer.json().message, message);
      assert.doesNotMatch(answer.text, /\.ts:\d/);
    }
  });

  it('YAML may be applied, aliases in it are refused', async () => {
    const path = '/apis/test.hybridstore.dev/v1/namespaces/default/widgets/yaml?fieldManager=test';
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const body = 'apiVersion: test.hybridstore.dev/v1\nkind: Widget\nmetadata: {name: yaml}\nspec: {size: 4}\n';
    assert.equal((await call(path, { method: 'PATCH', body, headers })).json().spec.size, 4);
    const aliases = 'a: &a [x]\nb: [*a, *a]\n';
    assert.equal((await call(path, { method: 'PATCH', body: aliases, headers })).status, 400);
  });

  it('lists come as tables for kubectl, with the columns of the kind', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const table = (await call('/apis/test.hybridstore.dev/v1/widgets', { headers: { accept } })).json();
    assert.equal(table.kind, 'Table');
    assert.deepEqual(
      table.columnDefinitions.map((column) => column.name),
      ['Name', 'Age'],
    );
    assert.equal(table.rows[0]?.cells[0], 'one');
  });

  it('lists of built-in kinds say how much of an object is ready, in the order of their names', async () => {
    for (const name of ['b', 'a', 'c-d', 'c']) {
      const template = {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'none' }] },
      };
      await api.create(statefulSets, {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { namespace: 'default', name },
        spec: { serviceName: name, replicas: 2, selector: { matchLabels: { app: name } }, template },
      });
    }
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const table = (await call('/apis/apps/v1/statefulsets', { headers: { accept } })).json();
    assert.deepEqual(
      table.columnDefinitions.map((column) => column.name),
      ['Name', 'Ready', 'Age', 'Containers', 'Images'],
    );
    assert.deepEqual(
      table.rows.map(({ cells: [name, ready] }) => [name, ready]),
      ['a', 'b', 'c', 'c-d'].map((name) => [name, '0/2']),
    );
  });

  it('events are read in the form of v1, by the object they are about', async () => {
    for (const name of ['one', 'two'])
      await api.createEvent({
        regarding: { apiVersion: 'test.hybridstore.dev/v1', kind: 'Widget', namespace: 'default', name },
        type: 'Normal',
        reason: 'Seen',
        action: 'Look',
        note: `${name} was seen`,
      });
    const path =
      '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dtwo,involvedObject.kind%3DWidget';
    const list = JSON.parse((await call(path)).text) as CoreEventList;
    assert.deepEqual(
      [list.kind, list.apiVersion, list.items.map(({ involvedObject, message }) => [involvedObject.name, message])],
      ['EventList', 'v1', [['two', 'two was seen']]],
    );
    assert.equal(list.items[0]?.apiVersion, 'v1');
    const watched = (await call(`${path}&watch=1&timeoutSeconds=1`)).text.trim().split('\n');
    assert.deepEqual(
      watched.map((line) => (JSON.parse(line) as { readonly object: CoreEvent }).object.message),
      ['two was seen'],
    );
    const refused = await call('/api/v1/namespaces/default/events', { method: 'POST', body: '{"metadata":{}}' });
    assert.equal(refused.status, 405);
  });

  it('who asks what the token may do is allowed everything, and a question without a subject is refused', async () => {
    const ask = async (kind: string, spec: object) => {
      const body = JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind, metadata: {}, spec });
      const answer = await call(`/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`, { method: 'POST', body });
      return { status: answer.status, text: answer.text };
    };
    const allowed = await ask('SelfSubjectAccessReview', { resourceAttributes: { verb: 'get', resource: 'pods' } });
    assert.deepEqual([allowed.status, /"allowed":true/.test(allowed.text)], [201, true]);
    const rules = await ask('SelfSubjectRulesReview', { namespace: 'default' });
    assert.match(rules.text, /"resourceRules":\[\{"verbs":\["\*"\],"apiGroups":\["\*"\],"resources":\["\*"\]\}\]/);
    const empty = await ask('SelfSubjectAccessReview', {});
    assert.equal(empty.status, 422);
    assert.match(empty.text, /spec\.resourceAttributes: .*exactly one of/);
    assert.match((await ask('SelfSubjectRulesReview', {})).text, /spec\.namespace: Required value/);
    assert.equal((await call('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews')).status, 405);
  });

  it('a workload of fewer than no replicas is refused', async () => {
    const answer = await call('/apis/apps/v1/namespaces/default/statefulsets/a', {
      method: 'PATCH',
      body: '{"spec":{"replicas":-1}}',
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    });
    assert.equal(answer.status, 422);
    assert.match(answer.json().message, /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/);
  });

  it('a watch that asks for it begins with everything and a mark', async () => {
    const path =
      '/apis/test.hybridstore.dev/v1/widgets?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=1&fieldSelector=metadata.name%3Done';
    const events = (await call(path)).text
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            readonly type: string;
            readonly object: { readonly metadata: { readonly annotations?: object } };
          },
      );
    assert.deepEqual(
      events.slice(0, 2).map((event) => event.type),
      ['ADDED', 'BOOKMARK'],
    );
    assert.deepEqual(events[1]?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
  });

  it('a watch from a forgotten version says so in the stream', async () => {
    await api.apply(widgets, buildWidget('changed'));
    api.store.compactHistory();
    const { status, json } = await call('/apis/test.hybridstore.dev/v1/widgets?watch=1&resourceVersion=1');
    assert.equal(status, 200);
    assert.equal(json().type, 'ERROR');
    assert.equal(json().object.code, 410);
  });

  it('logs of a pod come as text, cut to their last lines', async () => {
    assert.equal((await call('/api/v1/namespaces/default/pods/talker/log?tailLines=2')).text, 'second\nthird');
    const followed = await call('/api/v1/namespaces/default/pods/talker/log?follow=true');
    assert.equal(followed.text, 'first\nsecond\nthird', 'a log that is followed ends with what there is');
    assert.equal((await call('/api/v1/namespaces/default/pods/nobody/log')).status, 404);
  });

  it('a port that is taken is named', async () => {
    const port = Number(new URL(front.url).port);
    await assert.rejects(
      startHttpFront({ api, token, logger: silentLogger, port }),
      new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`),
    );
  });

  it('the kubeconfig is for its owner only', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'run', 'kubeconfig');
    await writeKubeConfig(path, { server: front.url, token, certificate: front.certificate, name: 'test' });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.match(readFileSync(path, 'utf8'), /certificate-authority-data/);
  });

  it('paths are taken apart', () => {
    assert.deepEqual(parseResourcePath('/api/v1/namespaces/a'), { apiVersion: 'v1', plural: 'namespaces', name: 'a' });
    assert.deepEqual(parseResourcePath('/api/v1/namespaces/a/pods/b/log'), {
      apiVersion: 'v1',
      plural: 'pods',
      namespace: 'a',
      name: 'b',
      subresource: 'log',
    });
    assert.deepEqual(parseResourcePath('/api/v1/namespaces/a/status'), {
      apiVersion: 'v1',
      plural: 'namespaces',
      name: 'a',
      subresource: 'status',
    });
    assert.deepEqual(parseResourcePath('/apis/apps/v1/statefulsets'), {
      apiVersion: 'apps/v1',
      plural: 'statefulsets',
    });
    assert.equal(parseResourcePath('/api/v1/namespaces/a/pods/b/log/more'), undefined);
    assert.equal(parseResourcePath('/api/v1/pods/%ff'), undefined);
  });
});
