import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kubeError, type StatusCause } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { buildTakeover } from '../../src/reconcile/takeover.ts';

function objectWith(spec: object): KubeObject {
  return { apiVersion: 'v1', kind: 'Any', metadata: { name: 'a' }, ...{ spec } };
}

function refusal(...causes: readonly StatusCause[]) {
  return kubeError({ reason: 'Invalid', message: 'refused', causes });
}

function takeover(desired: object, observed: object, ...causes: readonly StatusCause[]): unknown {
  return buildTakeover(objectWith(desired), objectWith(observed), refusal(...causes));
}

const duplicate = (field: string): StatusCause => ({ reason: 'FieldValueDuplicate', field });
const invalid = (field: string): StatusCause => ({ reason: 'FieldValueInvalid', field });
const forbidden = (field: string): StatusCause => ({ reason: 'FieldValueForbidden', field });
const http = { name: 'http', port: 8000, targetPort: 'http' };
const debug = { name: 'debug', port: 9229 };
const inPod = (container: object) => ({ template: { spec: { containers: [{ name: 'node', ...container }] } } });

describe('what gives way to a refused apply', () => {
  it('a port that wears the name of ours becomes ours, and no other port is touched', () => {
    const observed = { ports: [debug, { ...http, port: 9000, nodePort: 30_000 }], clusterIP: '10.0.0.1' };
    assert.deepEqual(takeover({ ports: [http] }, observed, duplicate('spec.ports[2].name')), {
      spec: { ports: [debug, http], clusterIP: '10.0.0.1' },
    });
  });

  it('below a list the entries are paired by their names, not by positions of the refused object', () => {
    const sidecar = { name: 'sidecar', ports: [debug] };
    const edited = inPod({ ports: [{ ...http, port: 9000 }] });
    const observed = { template: { spec: { containers: [sidecar, ...edited.template.spec.containers] } } };
    const cause = duplicate('spec.template.spec.containers[0].ports[1].name');
    assert.deepEqual(takeover(inPod({ ports: [http] }), observed, cause), {
      spec: { template: { spec: { containers: [sidecar, { name: 'node', ports: [http] }] } } },
    });
  });

  it('a variable that got a value in place of its source has its source alone', () => {
    const name = { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } };
    const theirs = { name: 'THEIRS', value: '1' };
    const observed = inPod({ env: [{ name: 'NAME', value: 'edited' }, theirs] });
    const cause = invalid('spec.template.spec.containers[0].env[0].valueFrom');
    assert.deepEqual(takeover(inPod({ env: [name] }), observed, cause), { spec: inPod({ env: [name, theirs] }) });
  });

  it('a field that is forbidden beside ours goes', () => {
    const observed = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } }, paused: true };
    const cause = forbidden('spec.strategy.rollingUpdate');
    assert.deepEqual(takeover({ strategy: { type: 'Recreate' } }, observed, cause), {
      spec: { strategy: { type: 'RollingUpdate', rollingUpdate: null }, paused: true },
    });
  });

  const inVain: readonly (readonly [string, object, object, readonly StatusCause[]])[] = [
    ['a refusal without causes', { ports: [http] }, { ports: [{ ...http, port: 1 }] }, []],
    ['a forbidden field of ours', { size: 1 }, { size: 2 }, [forbidden('spec.size')]],
    ['a forbidden whole', { size: 1 }, { size: 2 }, [forbidden('spec')]],
    ['a field that is not there', { size: 1 }, { size: 2 }, [forbidden('spec.other')]],
    ['a value of ours that breaks a rule', { size: -1 }, { size: 2, theirs: 1 }, [invalid('spec.size')]],
    [
      'two entries of ours with one name',
      { ports: [http, { ...http, port: 1 }] },
      { ports: [http] },
      [duplicate('spec.ports[1].name')],
    ],
    ['a path that leads into no object', { size: 1 }, { size: 2 }, [duplicate('spec.size.deep[0].name')]],
    ['no path at all', { size: 1 }, { size: 2 }, [{ reason: 'FieldValueForbidden' }, {}]],
  ];
  for (const [what, desired, observed, causes] of inVain)
    it(`nothing does for ${what}`, () => assert.equal(takeover(desired, observed, ...causes), undefined));
});
