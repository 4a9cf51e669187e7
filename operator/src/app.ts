import { randomBytes } from 'node:crypto';
import {
  createMachineMetrics,
  type Lead,
  type LedOptions,
  type MachineMetrics,
  runControlLoop,
  runLed,
} from '@hybridstore/controller-runtime';
import { HttpClient } from '@hybridstore/http';
import { systemClock } from '@hybridstore/runtime';
import { buildLoop, type Loop } from './loop.ts';
import type { OperatorOptions } from './options.ts';
import { leaseName } from './resources/names.ts';

/**
 * The operator put together: caches, controllers, reconcilers. Knows no process and no environment, so that the embedded
 * platform starts it beside its own API server, and main.ts in a cluster.
 *
 *   options ─→ lease ─→ loop.ts: caches, clients, reconcilers, controllers ─→ watches.ts: which change wakes whom
 */
export type Operator = {
  /** Reasons why it does not work yet; empty means it leads, or stands by, with its caches filled. */
  readonly notReadyReasons: () => readonly string[];
  /** Queues every Tenant at once, as the resync does from time to time. Gives how many; none while it does not lead. */
  readonly resync: () => number;
  /** Resolves when the operator has ended: after `stop`, or when its lease is lost. */
  readonly ended: Promise<'stopped' | 'lost'>;
  readonly stop: () => Promise<void>;
};

/** Starts the operator; it works until `stop`. */
export function startOperator(options: OperatorOptions): Operator {
  const stopping = new AbortController();
  const metrics = createMachineMetrics(options.metrics, 'hybridstore');
  // One that stands by is ready: it takes over without being started.
  let isReady = options.leaderIdentity !== undefined;
  let loop: Loop | undefined;
  const lead: Lead = async (kube, signal, assertLeads) => {
    loop = buildLoop({ ...withDefaults(options), kube, assertLeads, machineMetrics: metrics });
    void beginSynced(loop, signal).then((hasBegun) => {
      isReady ||= hasBegun;
    });
    await runControlLoop(loop, signal);
  };
  const ended = runLed(electionOptions(options, metrics), lead, stopping.signal);
  ended.catch(() => {}); // the caller awaits it, or stops us
  return {
    notReadyReasons: () => (isReady ? [] : ['starting']),
    resync: () => loop?.resync() ?? 0,
    ended,
    stop: async () => {
      stopping.abort(new Error('the operator was stopped'));
      await ended;
    },
  };
}

function withDefaults({ clock, random, client, ...options }: OperatorOptions) {
  return {
    ...options,
    clock: clock ?? systemClock,
    random: random ?? Math.random,
    client: client ?? new HttpClient(),
  };
}

/** False when it was stopped before the caches were filled: the loop ends with the same reason. */
async function beginSynced({ informers, begin }: Loop, signal: AbortSignal): Promise<boolean> {
  try {
    await Promise.all(informers.map((informer) => informer.untilSynced(signal)));
  } catch {
    return false;
  }
  begin();
  return true;
}

function electionOptions(options: OperatorOptions, metrics: MachineMetrics): LedOptions {
  const { kube, leaderIdentity, settings, logger, clock = systemClock, random = Math.random } = options;
  if (leaderIdentity === undefined) return { kube, clock, random, logger, metrics };
  const lease = { namespace: settings.namespace, name: leaseName };
  const identity = `${leaderIdentity}-${randomBytes(4).toString('hex')}`;
  return { kube, clock, random, logger, metrics, candidate: { lease, identity } };
}
