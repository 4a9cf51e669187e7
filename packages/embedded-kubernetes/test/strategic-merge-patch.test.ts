import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '@hybridstore/controller-runtime';
import { applyStrategicMergePatch } from '../src/apply/strategic-merge-patch.ts';
import { builtInSchema } from '../src/schema/built-in-schemas.ts';

type Row = {
  readonly fact: string;
  readonly live: JsonObject;
  readonly patch: JsonObject;
  readonly result: JsonObject;
};

function patchPod(live: JsonObject, patch: JsonObject): JsonObject {
  return applyStrategicMergePatch(builtInSchema('V1PodSpec'), live, patch);
}

const two = {
  containers: [
    { name: 'a', image: 'a:1' },
    { name: 'b', image: 'b:1' },
  ],
};

const rows: readonly Row[] = [
  {
    fact: 'containers merge by name and keep their order',
    live: two,
    patch: { containers: [{ name: 'b', image: 'b:2' }] },
    result: {
      containers: [
        { name: 'a', image: 'a:1' },
        { name: 'b', image: 'b:2' },
      ],
    },
  },
  {
    fact: 'a new item stands first, as the real server puts it',
    live: two,
    patch: { containers: [{ name: 'c', image: 'c:1' }] },
    result: { containers: [{ name: 'c', image: 'c:1' }, ...two.containers] },
  },
  {
    fact: 'an item is deleted by its key',
    live: two,
    patch: { containers: [{ name: 'a', $patch: 'delete' }] },
    result: { containers: [{ name: 'b', image: 'b:1' }] },
  },
  {
    fact: 'deleting an item that is not there changes nothing',
    live: two,
    patch: { containers: [{ name: 'x', $patch: 'delete' }] },
    result: two,
  },
  {
    fact: 'a list is replaced when it says so',
    live: two,
    patch: { containers: [{ name: 'c', image: 'c:1' }, { $patch: 'replace' }] },
    result: { containers: [{ name: 'c', image: 'c:1' }] },
  },
  {
    fact: 'the order of a list can be set, items that only the server knows stay before what stood behind them',
    live: { containers: [{ name: 'a' }, { name: 'server' }, { name: 'b' }] },
    patch: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
    result: { containers: [{ name: 'server' }, { name: 'b' }, { name: 'a' }] },
  },
  {
    fact: 'order, change and deletion come in one patch',
    live: two,
    patch: {
      '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }],
      containers: [
        { name: 'c', image: 'c:1' },
        { name: 'a', $patch: 'delete' },
        { name: 'b', image: 'b:2' },
      ],
    },
    result: {
      containers: [
        { name: 'c', image: 'c:1' },
        { name: 'b', image: 'b:2' },
      ],
    },
  },
  {
    fact: 'lists within items merge by their own keys',
    live: {
      containers: [
        {
          name: 'a',
          env: [{ name: 'X', value: '1' }],
          ports: [{ containerPort: 80, name: 'http' }],
          volumeMounts: [{ mountPath: '/a', name: 'v' }],
          args: ['one'],
        },
      ],
    },
    patch: {
      containers: [
        {
          name: 'a',
          env: [{ name: 'X', value: '2' }],
          ports: [{ containerPort: 80, name: 'web' }],
          volumeMounts: [{ mountPath: '/a', readOnly: true }],
          args: ['two'],
        },
      ],
    },
    result: {
      containers: [
        {
          name: 'a',
          env: [{ name: 'X', value: '2' }],
          ports: [{ containerPort: 80, name: 'web' }],
          volumeMounts: [{ mountPath: '/a', name: 'v', readOnly: true }],
          args: ['two'],
        },
      ],
    },
  },
  {
    fact: 'imagePullSecrets, volumes, hostAliases and spread constraints merge',
    live: {
      imagePullSecrets: [{ name: 'a' }],
      volumes: [{ name: 'v', emptyDir: {} }],
      hostAliases: [{ ip: '1.1.1.1', hostnames: ['a'] }],
      topologySpreadConstraints: [{ topologyKey: 'zone', maxSkew: 1 }],
    },
    patch: {
      imagePullSecrets: [{ name: 'b' }],
      volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }],
      hostAliases: [{ ip: '1.1.1.1', hostnames: ['b'] }],
      topologySpreadConstraints: [{ topologyKey: 'zone', maxSkew: 2 }],
    },
    result: {
      imagePullSecrets: [{ name: 'b' }, { name: 'a' }],
      volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }],
      hostAliases: [{ ip: '1.1.1.1', hostnames: ['b'] }],
      topologySpreadConstraints: [{ topologyKey: 'zone', maxSkew: 2 }],
    },
  },
  {
    fact: '$retainKeys leaves only what it names, so that a volume can change its kind',
    live: { volumes: [{ name: 'v', emptyDir: {} }] },
    patch: { volumes: [{ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'm' } }] },
    result: { volumes: [{ name: 'v', configMap: { name: 'm' } }] },
  },
  {
    fact: 'tolerations are replaced: their list has no key',
    live: { tolerations: [{ key: 'a' }, { key: 'b' }] },
    patch: { tolerations: [{ key: 'c' }] },
    result: { tolerations: [{ key: 'c' }] },
  },
  {
    fact: 'maps merge, null deletes, and nulls of what is new are dropped',
    live: { nodeSelector: { a: '1', b: '2' } },
    patch: { nodeSelector: { a: null, c: '3' }, securityContext: { runAsUser: 1, fsGroup: null } },
    result: { nodeSelector: { b: '2', c: '3' }, securityContext: { runAsUser: 1 } },
  },
  {
    fact: 'a map is replaced or emptied when it says so',
    live: { nodeSelector: { a: '1' }, securityContext: { runAsUser: 1 } },
    patch: { nodeSelector: { $patch: 'replace', b: '2' }, securityContext: { $patch: 'delete' } },
    result: { nodeSelector: { b: '2' }, securityContext: {} },
  },
  {
    fact: 'a map that is not there is neither replaced nor deleted',
    live: {},
    patch: { nodeSelector: { $patch: 'replace', b: '2' }, securityContext: { $patch: 'delete' } },
    result: {},
  },
  {
    fact: 'directives are not stored where nothing was before',
    live: {},
    patch: {
      '$setElementOrder/containers': [{ name: 'a' }],
      containers: [{ name: 'a', env: [{ name: 'X', $patch: 'delete' }] }],
    },
    result: { containers: [{ name: 'a', env: [] }] },
  },
];

describe('strategic merge patch', () => {
  for (const { fact, live, patch, result } of rows) {
    it(fact, () => {
      const before = structuredClone([live, patch]);
      assert.deepEqual(patchPod(live, patch), result);
      assert.deepEqual([live, patch], before, 'the arguments stay as they were');
    });
  }

  it('finalizers are a set from which a patch can take', () => {
    const schema = builtInSchema('V1Pod');
    const live = { metadata: { finalizers: ['a', 'b'], ownerReferences: [{ uid: '1', name: 'x' }] } };
    assert.deepEqual(
      applyStrategicMergePatch(schema, live, {
        metadata: {
          '$deleteFromPrimitiveList/finalizers': ['a'],
          finalizers: ['b', 'c'],
          ownerReferences: [{ uid: '1', name: 'y' }],
        },
      }),
      { metadata: { finalizers: ['b', 'c'], ownerReferences: [{ uid: '1', name: 'y' }] } },
    );
  });

  it('an item that is deleted may come anew, and a list of a hundred thousand items is merged at once', () => {
    const anew = {
      containers: [
        { name: 'a', $patch: 'delete' },
        { name: 'a', image: 'new' },
      ],
    };
    assert.deepEqual(patchPod(two, anew), {
      containers: [
        { name: 'a', image: 'new' },
        { name: 'b', image: 'b:1' },
      ],
    });
    const shuffled = {
      containers: [
        { name: 'b', $patch: 'delete' },
        { name: 'b', image: 'new' },
      ],
    };
    assert.deepEqual(
      patchPod(two, shuffled),
      {
        containers: [
          { name: 'b', image: 'new' },
          { name: 'a', image: 'a:1' },
        ],
      },
      'where a new item goes, as the real server puts it',
    );
    const finalizers = Array.from({ length: 100_000 }, (_, index) => `e.com/${index}`);
    const order = finalizers.toReversed();
    const long = { metadata: { '$setElementOrder/finalizers': order, finalizers: order } };
    const merged = applyStrategicMergePatch(builtInSchema('V1Pod'), { metadata: { finalizers } }, long);
    assert.deepEqual(merged, { metadata: { finalizers: order } });
  });

  it('conditions merge by type, and the selector of a disruption budget is replaced', () => {
    assert.deepEqual(
      applyStrategicMergePatch(
        builtInSchema('V1StatefulSet'),
        { status: { conditions: [{ type: 'A', status: 'True' }] } },
        { status: { conditions: [{ type: 'A', status: 'False' }] } },
      ),
      { status: { conditions: [{ type: 'A', status: 'False' }] } },
    );
    assert.deepEqual(
      applyStrategicMergePatch(
        builtInSchema('V1PodDisruptionBudget'),
        { spec: { selector: { matchLabels: { a: '1' } } } },
        { spec: { selector: { matchLabels: { b: '2' } } } },
      ),
      { spec: { selector: { matchLabels: { b: '2' } } } },
    );
  });

  it('a bad patch is refused, naming the field', () => {
    let deep: JsonObject = {};
    for (let level = 0; level < 100; level += 1) deep = { nodeSelector: deep };
    const refusals: readonly [JsonObject, RegExp][] = [
      [{ $patch: 'merge' }, /\$patch: unknown patch type: expected "delete" or "replace", got "merge"/],
      [{ containers: [{ name: 'a', $patch: 'drop' }] }, /containers\.\$patch: unknown patch type.*got "drop"/],
      [{ containers: [{ image: 'x' }] }, /containers: map: \{"image":"x"\} does not contain declared merge key: name/],
      [{ containers: ['a'] }, /containers: expected a list of objects, got "a"/],
      [{ '$setElementOrder/containers': 'a' }, /\$setElementOrder\/containers: .*expected a list/],
      [
        { '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'b' }] },
        /containers: the order in the patch list does not match the setElementOrder list: it lacks "b"/,
      ],
      [
        { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }], containers: [{ name: 'b' }, { name: 'a' }] },
        /containers: the order in the patch list does not match the setElementOrder list: "a" stands elsewhere in it/,
      ],
      [{ $retainKeys: 'a' }, /\$retainKeys: invalid patch format of retainKeys: expected a list/],
      [{ $retainKeys: ['a'], nodeName: 'b' }, /\$retainKeys: .*sets "nodeName", which is not retained/],
      [{ '$deleteFromPrimitiveList/x': 'a' }, /\$deleteFromPrimitiveList\/x: invalid patch format of primitive list/],
      [deep, /deeper than 64 levels/],
    ];
    for (const [patch, message] of refusals) assert.throws(() => patchPod(two, patch), message);
  });
});
