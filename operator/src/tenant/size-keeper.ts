import type { TenantSpec } from '@hybridstore/contracts';
import { quantityToNumber } from '@hybridstore/controller-runtime';
import type { Clock } from '@hybridstore/runtime';
import { LruCache } from '@hybridstore/runtime';
import { readMetricsPort } from '../resources/held-template.ts';
import { nodesDomain, nodeUrl, type TenantKey, tenantIdOf } from '../resources/names.ts';
import { decideSize, type SizeDecision } from '../scaling/decide-size.ts';
import type { SampleSource } from '../scaling/ports.ts';
import { emptyMemory, type ScalingMemory } from '../scaling/stabilize.ts';
import { neverStored } from './decide.ts';
import type { TenantWorld } from './world.ts';

const tenantsMax = 100_000;

export type SizeRequest = {
  readonly key: TenantKey;
  readonly uid: string;
  readonly spec: TenantSpec;
  readonly world: TenantWorld;
  /** The size that the decision starts from. */
  readonly current: number;
};

type Kept = { readonly memory: ScalingMemory; readonly decidedAtMs: number; readonly decision: SizeDecision };

/**
 * The autoscaler's memory between passes: what was desired and changed lately. It is lost with the process; the size at
 * the first decision of a new one counts as desired, so a restart never shortens the way down.
 */
export class SizeKeeper {
  readonly #source: SampleSource;
  readonly #clock: Clock;
  readonly #kept = new LruCache<string, Kept>(tenantsMax);

  constructor(source: SampleSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** A decision for this moment: a new one once an interval, between them the last one. Undefined where none is asked for. */
  async decide(request: SizeRequest): Promise<SizeDecision | undefined> {
    const { key, uid, spec, current } = request;
    if (spec.hibernated || spec.autoscaling.mode === 'Off') return undefined;
    const id = `${tenantIdOf(key)}/${uid}`;
    const kept = this.#kept.get(id);
    const intervalMs = spec.autoscaling.behavior.metricsIntervalSeconds * 1_000;
    const nowMs = this.#clock.monotonicMs();
    if (kept !== undefined && nowMs - kept.decidedAtMs < intervalMs) return kept.decision;
    const decision = await this.#measure(request, kept?.memory ?? startOf(current, nowMs));
    // The time of the begin: a slow source must not stretch the interval.
    this.#kept.set(id, { memory: decision.memory, decidedAtMs: nowMs, decision });
    return decision;
  }

  async #measure({ key, spec, world, current }: SizeRequest, memory: ScalingMemory): Promise<SizeDecision> {
    const domain = nodesDomain(key, world.statefulSet?.spec?.serviceName);
    const metricsPort = readMetricsPort(world.statefulSet?.spec?.template);
    const ready = world.nodes.filter((node) => node.isReady);
    const { requests, limits } = spec.resources;
    const samples = await this.#source.sample({
      namespace: key.namespace,
      tenantName: key.name,
      nodes: ready.map((node) => ({ pod: node.pod, url: nodeUrl(domain, node.pod, metricsPort) })),
      cpuRequestCores: quantityToNumber(String(requests.cpu)),
      memoryLimitBytes: quantityToNumber(String(limits.memory)),
      intervalMs: spec.autoscaling.behavior.metricsIntervalSeconds * 1_000,
    });
    return decideSize({
      autoscaling: spec.autoscaling,
      current,
      readyPods: new Set(ready.map((node) => node.pod)),
      neverRan: [...neverStored(world)].filter((ordinal) => ordinal < current).length,
      samples,
      memory,
      nowMs: this.#clock.monotonicMs(),
    });
  }
}

function startOf(current: number, nowMs: number): ScalingMemory {
  return { ...emptyMemory, desired: [{ atMs: nowMs, replicas: current }] };
}
