import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '@hybridstore/controller-runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { buildDeployment } from '../../src/resources/deployment.ts';
import { sharedServiceNames } from '../../src/resources/names.ts';
import { buildTenantSet } from './tenant-set.ts';

const settings = parsePlatformSettings('', { namespace: 'hybridstore-system' });

/** What the Pod Security Standard `restricted` asks of a pod (Kubernetes documentation, v1.35), as far as we could break it. */
function findViolations(spec: PodSpec): readonly string[] {
  const pod = spec.securityContext as {
    runAsNonRoot?: boolean;
    runAsUser?: number;
    seccompProfile?: { type?: string };
  };
  const allowed = ['configMap', 'secret', 'emptyDir', 'persistentVolumeClaim', 'projected', 'name'];
  const volumes = (spec.volumes ?? []).flatMap((volume) =>
    Object.keys(volume).filter((kind) => !allowed.includes(kind)),
  );
  const containers = spec.containers.flatMap((container) => {
    const context = container.securityContext as {
      allowPrivilegeEscalation?: boolean;
      privileged?: boolean;
      readOnlyRootFilesystem?: boolean;
      capabilities?: { drop?: readonly string[]; add?: readonly string[] };
    };
    return [
      ...(context.allowPrivilegeEscalation === false ? [] : ['allowPrivilegeEscalation']),
      ...(context.privileged === false ? [] : ['privileged']),
      ...(context.readOnlyRootFilesystem === true ? [] : ['readOnlyRootFilesystem']),
      ...(context.capabilities?.drop?.includes('ALL') && context.capabilities.add === undefined
        ? []
        : ['capabilities']),
      ...(container.ports?.some((port) => port.hostPort !== undefined) ? ['hostPort'] : []),
    ];
  });
  return [
    ...(pod.runAsNonRoot === true && (pod.runAsUser ?? 0) > 0 ? [] : ['runAsNonRoot']),
    ...(pod.seccompProfile?.type === 'RuntimeDefault' ? [] : ['seccompProfile']),
    ...(spec.automountServiceAccountToken === false ? [] : ['automountServiceAccountToken']),
    ...['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => field in spec),
    ...volumes,
    ...containers,
  ];
}

test('the pods of a tenant keep to the restricted standard and hold no API token', () => {
  assert.deepEqual(findViolations(buildTenantSet(settings).spec?.template.spec as PodSpec), []);
});

test('the pods of every shared service keep to the restricted standard and hold no API token', () => {
  for (const name of sharedServiceNames) {
    const { spec } = buildDeployment(name, settings, []);
    assert.deepEqual(findViolations(spec?.template.spec as PodSpec), [], name);
  }
});

test('the check itself finds a pod that runs as root', () => {
  const spec = { ...(buildTenantSet(settings).spec?.template.spec as PodSpec), securityContext: {} };
  assert.deepEqual(findViolations(spec), ['runAsNonRoot', 'seccompProfile']);
});
