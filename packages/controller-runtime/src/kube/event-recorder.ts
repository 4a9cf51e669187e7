import type { Clock } from '@hybridstore/runtime';
import { isNotFound } from './errors.ts';
import { events, type KubeEvent } from './kinds.ts';
import type { ObjectKey } from './object.ts';
import type { EventInput, Kube } from './ports.ts';
import { formatMicroTime } from './time.ts';

/**
 * Events for people, aggregated so that a reconcile that repeats itself does not flood the cluster: the first occurrence
 * creates an Event, later equal ones count up its series. Source: client-go tools/events/event_recorder.go (6 minutes).
 */
export type EventRecorderOptions = {
  readonly kube: Pick<Kube, 'create' | 'mergePatch'>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Who reports: controller and instance. */
  readonly controller: string;
  readonly instance: string;
};

const noteBytesMax = 1_024;
const seriesWindowMs = 6 * 60_000;
const seriesMax = 1_024;

type Series = {
  readonly key: ObjectKey;
  readonly lastMs: number;
  readonly count: number;
};

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  async record(input: EventInput): Promise<void> {
    const id = JSON.stringify([
      input.regarding.uid,
      input.regarding.kind,
      input.regarding.name,
      input.type,
      input.reason,
      input.action,
      input.note,
    ]);
    const nowMs = this.#options.clock.now();
    const series = this.#series.get(id);
    if (series !== undefined && nowMs - series.lastMs < seriesWindowMs && (await this.#countUp(id, series, nowMs)))
      return;
    await this.#begin(id, input, nowMs);
  }

  /** False when the Event is gone, so that a new one begins. */
  async #countUp(id: string, series: Series, nowMs: number): Promise<boolean> {
    const count = series.count + 1;
    this.#remember(id, { key: series.key, lastMs: nowMs, count });
    try {
      await this.#options.kube.mergePatch(events, series.key, {
        series: { count, lastObservedTime: formatMicroTime(nowMs) },
      });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #begin(id: string, input: EventInput, nowMs: number): Promise<void> {
    const event = buildEvent(input, this.#options, nowMs);
    const key = { namespace: event.metadata.namespace ?? 'default', name: event.metadata.name ?? '' };
    this.#remember(id, { key, lastMs: nowMs, count: 1 });
    await this.#options.kube.create(events, event);
  }

  /** Newest last; the oldest series is forgotten first. */
  #remember(id: string, series: Series): void {
    this.#series.delete(id);
    this.#series.set(id, series);
    const [oldest] = this.#series.keys();
    if (this.#series.size > seriesMax && oldest !== undefined) this.#series.delete(oldest);
  }
}

function buildEvent(input: EventInput, options: EventRecorderOptions, nowMs: number): KubeEvent {
  const suffix = (nowMs * 1_000 + Math.floor(options.random() * 1_000)).toString(16);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      name: `${input.regarding.name ?? 'event'}.${suffix}`,
      namespace: input.regarding.namespace ?? 'default',
    },
    eventTime: formatMicroTime(nowMs),
    reportingController: options.controller,
    reportingInstance: options.instance,
    action: input.action,
    reason: input.reason,
    regarding: input.regarding,
    note: cutText(input.note, noteBytesMax),
    type: input.type,
  };
}

/** At most `bytesMax` bytes, never in the middle of a character. */
function cutText(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}
