import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const run = promisify(execFile);
export const chart = new URL('../../charts/hybridstore', import.meta.url).pathname;
export const namespace = 'chart-test';

export type Rule = {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
  readonly resourceNames?: string[];
};
export type Manifest = {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly rules?: readonly Rule[];
  readonly spec?: object;
};

export async function helm(...args: readonly string[]): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await run('helm', args, { maxBuffer: 16 * 1024 * 1024 });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number | string; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { code, text: stdout + stderr };
  }
}

/** What the chart renders with these values (`path=JSON`), as text and as objects. */
export async function render(...sets: readonly string[]): Promise<{ yaml: string; objects: readonly Manifest[] }> {
  return renderWith(sets.flatMap(toFlag));
}

/** The same by flags of helm's own. */
export async function renderWith(flags: readonly string[]): Promise<{ yaml: string; objects: readonly Manifest[] }> {
  const { code, text } = await helm('template', 'hs', chart, '--namespace', namespace, ...flags);
  assert.equal(code, 0, text);
  const documents = parseAllDocuments(text);
  for (const document of documents) assert.deepEqual(document.errors, []);
  return {
    yaml: text,
    objects: documents.map((document) => document.toJS() as Manifest | null).filter((one) => !!one),
  };
}

export function toFlag(set: string): string[] {
  return ['--set-json', set];
}

/** Everything that the chart can bring, switched on. */
export const everything: readonly string[] = [
  'operator.replicas=2',
  'operator.watchNamespaces=["default","other"]',
  'prometheus.url="http://prometheus:9090"',
  'network.metricsPort=9900',
  'ingress={"enabled":true,"className":"nginx","host":"example.com","tlsSecret":"tls"}',
  'monitoring={"enabled":true,"labels":{"release":"stack"},"dashboards":{"enabled":true}}',
];
