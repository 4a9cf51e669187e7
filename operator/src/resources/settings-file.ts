import { createHash } from 'node:crypto';
import type { Volume, VolumeMount } from '@hybridstore/controller-runtime';
import type { Settings } from './settings.ts';

/**
 * The file of settings of a pod: a ConfigMap holds its text, a volume brings it in, CONFIG_FILE names it. A process reads it
 * at its start only, so the pod template carries a digest of the text: other settings are other pods.
 */
const folder = '/etc/hybridstore/config';
const fileName = 'config.json';
const digestCharacters = 16;

export type SettingsMount = {
  readonly volumes: readonly Volume[];
  readonly volumeMounts: readonly VolumeMount[];
  readonly variables: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

const nothing: SettingsMount = { volumes: [], volumeMounts: [], variables: {}, annotations: {} };

/** How a pod gets its settings from the key of a ConfigMap; without settings nothing is added to it. */
export function buildSettingsMount(settings: Settings | undefined, configMap: string, key: string): SettingsMount {
  if (settings === undefined) return nothing;
  const digest = createHash('sha256').update(renderSettings(settings)).digest('hex').slice(0, digestCharacters);
  return {
    volumes: [{ name: 'config', configMap: { name: configMap, items: [{ key, path: fileName }] } }],
    volumeMounts: [{ name: 'config', mountPath: folder, readOnly: true }],
    variables: { CONFIG_FILE: `${folder}/${fileName}` },
    annotations: { 'hybridstore.dev/config': digest },
  };
}

/** In order of name, so that the order of a configuration does not restart pods. */
export function renderSettings(settings: Settings): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), undefined, 2)}\n`;
}
