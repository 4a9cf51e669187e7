import type { Kube, MachineMetrics } from '@hybridstore/controller-runtime';
import type { HttpClient } from '@hybridstore/http';
import type { Clock, Logger, Registry } from '@hybridstore/runtime';
import type { PrometheusConfig } from './config.ts';
import type { PlatformSettings } from './resources/settings.ts';

export type OperatorOptions = {
  readonly kube: Kube;
  readonly settings: PlatformSettings;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Calls nodes and the catalog; with the hosts file of the embedded platform where there is one. */
  readonly client?: HttpClient;
  readonly watchNamespaces?: readonly string[];
  /** Undefined: this process is the only operator. */
  readonly leaderIdentity?: string;
  readonly ownerName?: string;
  /** Undefined: nodes are scraped. */
  readonly prometheus?: PrometheusConfig;
};

/** What the loop of a leader is built from: the options with their defaults, and a port that checks the lease. */
export type LoopOptions = Omit<OperatorOptions, 'clock' | 'random' | 'client' | 'leaderIdentity'> & {
  readonly clock: Clock;
  readonly random: () => number;
  readonly client: HttpClient;
  readonly machineMetrics: MachineMetrics;
  /** Throws once the lease may be another's. */
  readonly assertLeads: () => void;
};
