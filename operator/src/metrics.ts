import { Counter, Gauge, type Registry } from '@hybridstore/runtime';
import type { SizeDecision } from './scaling/decide-size.ts';

/** Figures of the operator's decisions, besides those of the controller runtime. */
export type OperatorMetrics = {
  readonly noteDecision: (decision: SizeDecision) => void;
  /** What a pass rests on; undefined where nothing is scaled. */
  readonly noteSize: (tenant: string, decision: SizeDecision | undefined) => void;
  readonly noteQueued: (tenant: string, isQueued: boolean) => void;
  /** Takes the series of a tenant that is gone away: their number is bounded by the tenants that there are. */
  readonly forgetTenant: (tenant: string) => void;
  readonly noteUnready: (services: readonly string[]) => void;
};

/** Label values: reasons from a closed set; tenants by their id, one series each. */
export function createOperatorMetrics(registry: Registry): OperatorMetrics {
  const registers = [registry];
  const wanted = new Gauge({
    name: 'hybridstore_tenant_wanted_nodes',
    help: 'Nodes that the last scaling decision asks for',
    labelNames: ['tenant'],
    registers,
  });
  const atMaximum = new Gauge({
    name: 'hybridstore_tenant_at_max_replicas',
    help: '1 while a tenant has as many nodes as it may and asks for more, 0 while it does not',
    labelNames: ['tenant'],
    registers,
  });
  const queued = new Gauge({
    name: 'hybridstore_tenant_rollout_queued',
    help: '1 while a tenant waits for its turn to follow a change of the platform, 0 while it does not',
    labelNames: ['tenant'],
    registers,
  });
  const decisions = new Counter({
    name: 'hybridstore_scaling_decisions_total',
    help: 'Scaling decisions that were reported, by reason',
    labelNames: ['reason'],
    registers,
  });
  const unready = new Gauge({
    name: 'hybridstore_shared_services_unready',
    help: 'Shared services without all their pods ready',
    registers,
  });
  const forgetSize = (tenant: string) => {
    wanted.remove({ tenant });
    atMaximum.remove({ tenant });
  };
  return {
    noteDecision: ({ reason }) => decisions.inc({ reason }),
    noteSize: (tenant, decision) => {
      if (decision === undefined) {
        forgetSize(tenant);
        return;
      }
      wanted.set({ tenant }, decision.target);
      atMaximum.set({ tenant }, decision.reason === 'AtMaximum' ? 1 : 0);
    },
    noteQueued: (tenant, isQueued) => queued.set({ tenant }, isQueued ? 1 : 0),
    forgetTenant: (tenant) => {
      forgetSize(tenant);
      queued.remove({ tenant });
    },
    noteUnready: (services) => unready.set(services.length),
  };
}
