import type { PodTemplate, ServiceAccountSettings } from '@hybridstore/contracts';
import type { NetworkPolicyPeer, ResourceRequirements } from '@hybridstore/controller-runtime';
import type { ConfiguredService, SharedServiceName } from './names.ts';

/** The platform as its people want it (Helm values, or the embedded start). Read once; see config.ts. */
export type PlatformSettings = {
  /** Where the operator and the shared services live. */
  readonly namespace: string;
  readonly image: ImageSettings;
  readonly logLevel: string;
  /** How long a process that is to end still answers. */
  readonly shutdownDelaySeconds: number;
  /** How long what it answers then may still take. */
  readonly shutdownFinishSeconds: number;
  /** Tenants whose nodes follow a change of the platform at one time; the others keep what they have until their turn. */
  readonly maxTenantsRolling: number;
  readonly storage: StorageSettings;
  /** Absent: users are on a volume. */
  readonly postgres?: PostgresSettings;
  readonly network: NetworkSettings;
  readonly podSecurity: PodSecuritySettings;
  readonly services: Readonly<Record<SharedServiceName, SharedServiceSettings>>;
  /** For each process, what stands in the file that CONFIG_FILE names there; absent: there is no file. */
  readonly config: Readonly<Partial<Record<ConfiguredService, Settings>>>;
};

/** Variables by their names, and sections of the query interpreter. */
export type Settings = Readonly<Record<string, unknown>>;

export type ImageSettings = {
  /** Image of the services and the tenant nodes, `repository:tag`. */
  readonly services: string;
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly pullSecrets: readonly string[];
};

export type StorageSettings = {
  /** Default storage classes; undefined leaves the choice to the cluster. */
  readonly logStorageClassName?: string;
  readonly dataStorageClassName?: string;
  readonly stateStorageClassName?: string;
};

/** A PostgreSQL of somebody else, in which the gateways keep their users. */
export type PostgresSettings = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Secret in the operator's namespace with `username` and `password`. */
  readonly credentialsSecret: string;
  readonly tlsMode: 'disable' | 'require' | 'verify-full';
  /** Secret with `ca.crt`; absent: the authorities that everybody knows. */
  readonly caSecret?: string;
  /** Where it is, for NetworkPolicies; empty: anywhere, at its port. */
  readonly peers: readonly NetworkPolicyPeer[];
};

export type NetworkSettings = {
  /** Off: no NetworkPolicy is made (for clusters whose own policies do the work). */
  readonly policies: boolean;
  readonly dns: readonly NetworkPolicyPeer[];
  readonly prometheus: readonly NetworkPolicyPeer[];
  /** Who may call the gateway; empty means anybody. */
  readonly gatewayClients: readonly NetworkPolicyPeer[];
  /** Who, besides the platform, may call tenant nodes directly. */
  readonly tenantClients: readonly NetworkPolicyPeer[];
  /** Where /metrics is instead of the main port, for Prometheus, monitoring and the operator only. */
  readonly metricsPort?: number;
};

export type PodSecuritySettings = {
  /** Pods name their user and groups; else the cluster assigns them. */
  readonly assignIds: boolean;
};

export type SharedServiceSettings = {
  readonly enabled: boolean;
  readonly replicas: number;
  readonly resources: ResourceRequirements;
  /** Size of the volume for services that keep state; ignored for the others. */
  readonly stateSize: string;
  /** More variables, or other values of known ones. */
  readonly env: Readonly<Record<string, string>>;
  readonly podTemplate?: PodTemplate;
  readonly serviceAccount?: ServiceAccountSettings;
};
