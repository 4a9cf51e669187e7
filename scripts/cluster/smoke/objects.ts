import { rwoClass, rwxClass } from '../volumes.ts';

/** What the smoke test deploys: a StatefulSet under the "restricted" pod security standard, spread over both nodes. */
export const smokeNamespace = 'smoke';
const smokeLabels = { 'app.kubernetes.io/name': 'smoke', 'app.kubernetes.io/part-of': 'hybridstore' };
const smokePort = 8080;

export function smokeObjects(image: string): object[] {
  return [namespace(), service('smoke', {}), service('smoke-nodes', { clusterIP: 'None' }), sharedClaim(), set(image)];
}

function namespace(): object {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: smokeNamespace, labels } };
}

function service(name: string, extra: object): object {
  const spec = { selector: smokeLabels, ports: [{ name: 'http', port: smokePort }], ...extra };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: smokeNamespace }, spec };
}

function claimSpec(storageClassName: string, accessMode: string): object {
  return { storageClassName, accessModes: [accessMode], resources: { requests: { storage: '1Gi' } } };
}

function sharedClaim(): object {
  const metadata = { name: 'shared', namespace: smokeNamespace };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: claimSpec(rwxClass, 'ReadWriteMany') };
}

function set(image: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'smoke', namespace: smokeNamespace },
    spec: {
      serviceName: 'smoke-nodes',
      replicas: 2,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: smokeLabels },
      template: { metadata: { labels: smokeLabels, annotations: scrapeAnnotations() }, spec: podSpec(image) },
      volumeClaimTemplates: [{ metadata: { name: 'local' }, spec: claimSpec(rwoClass, 'ReadWriteOnce') }],
    },
  };
}

function scrapeAnnotations(): object {
  return { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(smokePort) };
}

function podSpec(image: string): object {
  const spread = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' };
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 5,
    securityContext: { runAsNonRoot: true, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    topologySpreadConstraints: [{ ...spread, labelSelector: { matchLabels: smokeLabels } }],
    containers: [container(image)],
    volumes: [{ name: 'shared', persistentVolumeClaim: { claimName: 'shared' } }],
  };
}

function container(image: string): object {
  return {
    name: 'smoke',
    image,
    imagePullPolicy: 'Never',
    args: ['smoke'],
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    ports: [{ containerPort: smokePort }],
    readinessProbe: { httpGet: { path: '/', port: smokePort }, periodSeconds: 1 },
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'local', mountPath: '/local' },
      { name: 'shared', mountPath: '/shared' },
    ],
  };
}
