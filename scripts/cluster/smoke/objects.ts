/** What the smoke test deploys: a StatefulSet under the "restricted" pod security standard, spread over both nodes. */
import { RWO_CLASS, RWX_CLASS } from '../volumes.ts';

export const NAMESPACE = 'smoke';
const LABELS = { 'app.kubernetes.io/name': 'smoke', 'app.kubernetes.io/part-of': 'hybridstore' };
const PORT = 8080;

export function smokeObjects(image: string): object[] {
  return [namespace(), service('smoke', {}), service('smoke-nodes', { clusterIP: 'None' }), sharedClaim(), set(image)];
}

function namespace(): object {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } };
}

function service(name: string, extra: object): object {
  const spec = { selector: LABELS, ports: [{ name: 'http', port: PORT }], ...extra };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NAMESPACE }, spec };
}

function claimSpec(storageClassName: string, accessMode: string): object {
  return { storageClassName, accessModes: [accessMode], resources: { requests: { storage: '1Gi' } } };
}

function sharedClaim(): object {
  const metadata = { name: 'shared', namespace: NAMESPACE };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: claimSpec(RWX_CLASS, 'ReadWriteMany') };
}

function set(image: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'smoke', namespace: NAMESPACE },
    spec: {
      serviceName: 'smoke-nodes',
      replicas: 2,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS, annotations: scrapeAnnotations() }, spec: podSpec(image) },
      volumeClaimTemplates: [{ metadata: { name: 'local' }, spec: claimSpec(RWO_CLASS, 'ReadWriteOnce') }],
    },
  };
}

function scrapeAnnotations(): object {
  return { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(PORT) };
}

function podSpec(image: string): object {
  const spread = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' };
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 5,
    securityContext: { runAsNonRoot: true, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    topologySpreadConstraints: [{ ...spread, labelSelector: { matchLabels: LABELS } }],
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
    ports: [{ containerPort: PORT }],
    readinessProbe: { httpGet: { path: '/', port: PORT }, periodSeconds: 1 },
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
