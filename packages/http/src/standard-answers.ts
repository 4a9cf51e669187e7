import type { ServiceName } from '@hybridstore/contracts';
import type { Registry } from '@hybridstore/runtime';

export type StandardAnswer = { readonly status: number; readonly type: string; readonly text: string };

/** What every process answers about itself, whatever listener is asked. */
export type StandardAnswers = {
  readonly health: () => Promise<StandardAnswer>;
  readonly ready: () => Promise<StandardAnswer>;
  readonly metrics: () => Promise<StandardAnswer>;
  /** Whether /metrics has a listener of its own; the main port does not show it then. */
  isMetricsMoved: boolean;
  /** Whether the process is to end: it is not ready any more, and still answers. */
  isLeaving: boolean;
};

export const jsonType = 'application/json; charset=utf-8';

export function createStandardAnswers(about: {
  readonly service: ServiceName;
  readonly version: string;
  readonly metrics: Registry;
  /** Reasons why this process is not ready; empty means ready. */
  readonly notReadyReasons: () => readonly string[];
  /** What is wrong although this process is ready: reasons of /ready that keep nobody away. */
  readonly warnings?: () => readonly string[];
}): StandardAnswers {
  const { service, version, metrics } = about;
  const answers: StandardAnswers = {
    health: async () => json(200, { status: 'ok', service, version }),
    ready: async () => {
      const reasons = [...(answers.isLeaving ? ['stopping'] : []), ...about.notReadyReasons()];
      const ready = reasons.length === 0;
      return json(ready ? 200 : 503, { ready, service, reasons: [...reasons, ...(about.warnings?.() ?? [])] });
    },
    metrics: async () => ({ status: 200, type: metrics.contentType, text: await metrics.metrics() }),
    isMetricsMoved: false,
    isLeaving: false,
  };
  return answers;
}

function json(status: number, value: object): StandardAnswer {
  return { status, type: jsonType, text: JSON.stringify(value) };
}
