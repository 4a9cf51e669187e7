import type { PodTemplateSpec } from '@hybridstore/controller-runtime';
import type { TenantInput } from './tenant-metadata.ts';

/** What the nodes of a tenant go on with until it is their turn: the template of before, and what its pods read. */
export type HeldTemplate = {
  readonly template: PodTemplateSpec;
  /** Their file of settings: one of another version may name settings that they refuse. Undefined: they have none. */
  readonly settingsText: string | undefined;
};

/** The port of /metrics at which pods of a template listen; undefined where it is their main one. */
export function readMetricsPort(template: PodTemplateSpec | undefined): number | undefined {
  const ports = template?.spec?.containers[0]?.ports ?? [];
  return ports.find(({ name }) => name === 'metrics')?.containerPort;
}

/** The input of whatever has to fit the pods as they run. */
export function holdInput(input: TenantInput, held: HeldTemplate | undefined): TenantInput {
  if (held === undefined) return input;
  const { metricsPort: _today, ...network } = input.settings.network;
  const metricsPort = readMetricsPort(held.template);
  const settings = {
    ...input.settings,
    network: { ...network, ...(metricsPort === undefined ? {} : { metricsPort }) },
  };
  return { ...input, settings };
}
