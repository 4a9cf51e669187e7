import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Autoscaling } from '@hybridstore/contracts';
import fc from 'fast-check';
import { decideSize, type SizeInput } from '../../src/scaling/decide-size.ts';
import type { NodeSample, Samples } from '../../src/scaling/samples.ts';
import { emptyMemory, type ScalingMemory } from '../../src/scaling/stabilize.ts';

const startMs = 1_000_000;

const policy: Autoscaling = {
  mode: 'Auto',
  minReplicas: 2,
  maxReplicas: 50,
  scaleUpThresholdCPU: 70,
  scaleDownThresholdCPU: 30,
  behavior: {
    metricsIntervalSeconds: 15,
    scaleUp: {
      stabilizationWindowSeconds: 0,
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    },
    scaleDown: { stabilizationWindowSeconds: 300, policies: [] },
  },
};
/** Without windows and bounds, so that a case shows the desired size alone. */
const immediate: Autoscaling = {
  ...policy,
  behavior: {
    ...policy.behavior,
    scaleUp: { stabilizationWindowSeconds: 0, policies: [] },
    scaleDown: { stabilizationWindowSeconds: 0, policies: [] },
  },
};

const pods = (count: number) => Array.from({ length: count }, (_, ordinal) => `hs-acme-${ordinal}`);

function measured(percents: readonly (number | undefined)[], ageMs = 0, more: Partial<NodeSample> = {}): Samples {
  const nodes = percents.flatMap((cpuPercent, ordinal) =>
    cpuPercent === undefined ? [] : [{ pod: `hs-acme-${ordinal}`, sampledAtMs: startMs - ageMs, cpuPercent, ...more }],
  );
  return { kind: 'measured', nodes };
}

function decide(input: Partial<SizeInput> & Pick<SizeInput, 'samples' | 'current'>) {
  return decideSize({
    autoscaling: immediate,
    readyPods: new Set(pods(input.current)),
    memory: emptyMemory,
    nowMs: startMs,
    ...input,
  });
}

const all = (count: number, percent: number) => Array.from({ length: count }, () => percent);

describe('the size by CPU, a dead band of 30 to 70 % around 50 %', () => {
  const cases: readonly (readonly [string, number, readonly number[], number, string])[] = [
    ['50 % is the target', 4, all(4, 50), 4, 'WithinThresholds'],
    ['70 % is still within', 4, all(4, 70), 4, 'WithinThresholds'],
    ['30 % is still within', 4, all(4, 30), 4, 'WithinThresholds'],
    ['71 % asks for ceil(4 × 71 / 50)', 4, all(4, 71), 6, 'AboveThreshold'],
    ['a hair above 70 % is above', 4, all(4, 70.001), 6, 'AboveThreshold'],
    ['a hair below 30 % is below', 4, all(4, 29.999), 3, 'BelowThreshold'],
    ['a mean of exactly 70 % is within, however it is made', 4, [100, 100, 40, 40], 4, 'WithinThresholds'],
    ['below 30 % where the same number is needed: nobody leaves', 2, all(2, 29), 2, 'WithinThresholds'],
    ['one node too few for the minimum comes back without any load', 1, [50], 2, 'AboveThreshold'],
    ['one node too many for the maximum leaves whatever the load', 51, all(51, 60), 50, 'BelowThreshold'],
    ['100 % doubles', 4, all(4, 100), 8, 'AboveThreshold'],
    ['250 % of the request is believed', 2, all(2, 250), 10, 'AboveThreshold'],
    ['29 % asks for ceil(4 × 29 / 50)', 4, all(4, 29), 3, 'BelowThreshold'],
    ['10 % of ten nodes is two', 10, all(10, 10), 2, 'BelowThreshold'],
    ['idle nodes stay at the minimum', 2, all(2, 0), 2, 'AtMinimum'],
    ['one hot node among idle ones is a mean', 4, [100, 20, 20, 20], 4, 'WithinThresholds'],
    ['more than the maximum is cut', 40, all(40, 100), 50, 'AboveThreshold'],
    ['the maximum is the end', 50, all(50, 100), 50, 'AtMaximum'],
  ];
  for (const [name, current, percents, target, reason] of cases) {
    it(name, () => {
      const decision = decide({ current, samples: measured(percents) });
      assert.deepEqual([decision.target, decision.reason, decision.isActive], [target, reason, true]);
    });
  }

  it('moves with the thresholds: 40 to 80 % aim at 60 %', () => {
    const autoscaling = { ...immediate, scaleUpThresholdCPU: 80, scaleDownThresholdCPU: 40 };
    assert.equal(decide({ autoscaling, current: 3, samples: measured(all(3, 90)) }).target, 5);
    assert.equal(decide({ autoscaling, current: 6, samples: measured(all(6, 20)) }).target, 2);
  });

  it('says what it saw', () => {
    const decision = decide({ current: 4, samples: measured(all(4, 90)) });
    assert.equal(decision.message, 'CPU 90 % of the request over 4 ready nodes, above 70 %');
    assert.deepEqual(decision.measured, { cpuPercent: 90 });
  });
});

describe('measurements that cannot be trusted', () => {
  const idle = 5;
  const cases: readonly (readonly [string, Samples])[] = [
    ['no sample at all', measured([])],
    ['a node without a sample', measured([idle, idle, idle, undefined])],
    ['NaN', measured([idle, idle, idle, Number.NaN])],
    ['infinity', measured([idle, idle, idle, Number.POSITIVE_INFINITY])],
    ['a negative value', measured([idle, idle, idle, -1])],
    ['samples older than two intervals', measured(all(4, idle), 30_001)],
    ['samples from the future', measured(all(4, idle), -15_001)],
    ['a source that does not answer', { kind: 'unavailable', message: 'Prometheus: connection refused' }],
  ];
  for (const [name, samples] of cases) {
    it(`${name}: never down`, () => assert.equal(decide({ current: 4, samples }).target, 4));
  }

  it('samples of exactly two intervals are still fresh', () => {
    assert.equal(decide({ current: 4, samples: measured(all(4, idle), 30_000) }).target, 2);
  });

  it('a node that is not ready makes them partial: never down', () => {
    const readyPods = new Set(pods(3));
    assert.equal(decide({ current: 4, readyPods, samples: measured(all(4, idle)) }).target, 4);
  });

  it('a node that never ran, since there is no room for it, keeps no other from going', () => {
    const decision = decide({ current: 4, neverRan: 1, readyPods: new Set(pods(3)), samples: measured(all(3, idle)) });
    assert.deepEqual([decision.target, decision.reason], [2, 'BelowThreshold']);
    const silent = decide({ current: 4, neverRan: 1, readyPods: new Set(pods(2)), samples: measured(all(2, idle)) });
    assert.deepEqual([silent.target, silent.reason], [4, 'MetricsIncomplete']);
    const busy = decide({ current: 4, neverRan: 1, readyPods: new Set(pods(3)), samples: measured(all(3, 60)) });
    assert.equal(busy.target, 4);
  });

  it('a sample of a node that is not ready counts for nothing', () => {
    const readyPods = new Set(pods(2));
    const decision = decide({ current: 3, readyPods, samples: measured([50, 50, 500]) });
    assert.deepEqual([decision.target, decision.reason], [3, 'MetricsIncomplete']);
  });

  it('up only if what is trusted asks for it: the silent count as idle', () => {
    assert.equal(decide({ current: 4, samples: measured([100, 100, 100, undefined]) }).target, 6);
    assert.equal(decide({ current: 4, samples: measured([100, 100, undefined, undefined]) }).target, 4);
  });

  it('up is never below what is there, although few of them are ready', () => {
    const readyPods = new Set(pods(2));
    assert.equal(decide({ current: 10, readyPods, samples: measured(all(2, 90)) }).target, 10);
  });

  it('a source that is away keeps the size and switches scaling off', () => {
    const decision = decide({ current: 7, samples: { kind: 'unavailable', message: 'Prometheus: away' } });
    assert.deepEqual(
      [decision.target, decision.isActive, decision.reason, decision.message],
      [7, false, 'SourceUnavailable', 'Prometheus: away'],
    );
  });

  it('no ready node keeps the size', () => {
    const decision = decide({ current: 3, readyPods: new Set(), samples: measured([]) });
    assert.deepEqual([decision.target, decision.isActive, decision.reason], [3, false, 'NoReadyNodes']);
  });

  it('bounds that people set hold without any measurement', () => {
    const away: Samples = { kind: 'unavailable', message: 'away' };
    assert.equal(decide({ current: 1, samples: away }).target, 2);
    assert.equal(decide({ current: 60, samples: away }).target, 50);
  });
});

describe('memory and queue', () => {
  const withMemory: Autoscaling = { ...immediate, memory: { scaleUpThreshold: 80 } };
  const withQueue: Autoscaling = { ...immediate, queue: { scaleUpWaitMs: 1_000 } };

  it('the largest desired size wins', () => {
    const samples = measured(all(4, 50), 0, { memoryPercent: 95 });
    assert.deepEqual(decide({ autoscaling: withMemory, current: 4, samples }).target, 5);
  });

  it('memory keeps the nodes that it takes to hold it', () => {
    const samples = measured(all(4, 5), 0, { memoryPercent: 60 });
    assert.equal(decide({ autoscaling: withMemory, current: 4, samples }).target, 3);
  });

  it('memory that is not measured: never down', () => {
    assert.equal(decide({ autoscaling: withMemory, current: 4, samples: measured(all(4, 5)) }).target, 4);
  });

  it('a wait grows the tenant at most twofold', () => {
    const waiting = (queueWaitMs: number) => measured(all(4, 50), 0, { queueWaitMs });
    assert.equal(decide({ autoscaling: withQueue, current: 4, samples: waiting(1_500) }).target, 6);
    assert.equal(decide({ autoscaling: withQueue, current: 4, samples: waiting(60_000) }).target, 8);
    assert.equal(decide({ autoscaling: withQueue, current: 4, samples: waiting(900) }).target, 4);
  });

  const memory = { scaleUpThreshold: 80 };
  const queue = { scaleUpWaitMs: 200 };
  const edges: readonly (readonly [string, Partial<Autoscaling>, Partial<NodeSample>, number])[] = [
    ['memory at its threshold holds', { memory }, { memoryPercent: 80 }, 4],
    ['memory a hair above grows', { memory }, { memoryPercent: 80.01 }, 5],
    ['memory below lets CPU decide, down to what carries it', { memory }, { memoryPercent: 40, cpuPercent: 5 }, 2],
    ['a wait at its bound holds', { queue }, { queueWaitMs: 200 }, 4],
    ['a wait a hair above grows', { queue }, { queueWaitMs: 200.1 }, 5],
    ['a wait of twice the bound doubles', { queue }, { queueWaitMs: 400 }, 8],
    ['a wait of ten times the bound doubles', { queue }, { queueWaitMs: 2_000 }, 8],
    ['no wait lets CPU decide', { queue }, { queueWaitMs: 0, cpuPercent: 5 }, 2],
  ];
  for (const [name, more, sample, target] of edges) {
    it(name, () => {
      const samples = measured(all(4, 50), 0, sample);
      assert.equal(decide({ autoscaling: { ...immediate, ...more }, current: 4, samples }).target, target);
    });
  }

  it('a metric that the tenant does not name counts for nothing', () => {
    const samples = measured(all(4, 50), 0, { memoryPercent: 99, queueWaitMs: 99_999 });
    assert.equal(decide({ current: 4, samples }).target, 4);
  });
});

/** Decides every 15 s with the nodes following at once; gives the sizes. */
function play(from: number, percents: readonly number[], autoscaling = policy): number[] {
  let memory: ScalingMemory = { ...emptyMemory, desired: [{ atMs: startMs, replicas: from }] };
  let current = from;
  return percents.map((percent, step) => {
    const nowMs = startMs + step * 15_000;
    const nodes = pods(current).map((pod) => ({ pod, sampledAtMs: nowMs, cpuPercent: percent }));
    const decision = decideSize({
      autoscaling,
      current,
      readyPods: new Set(pods(current)),
      samples: { kind: 'measured', nodes },
      memory,
      nowMs,
    });
    memory = decision.memory;
    current = decision.target;
    return current;
  });
}

describe('the way up and down', () => {
  it('goes from 2 to 50 within 60 s of lasting demand', () => {
    assert.deepEqual(play(2, [100, 150, 150, 150, 150]), [4, 8, 16, 32, 50]);
  });

  it('grows by the wider of four nodes and a doubling per 15 s', () => {
    assert.deepEqual(play(2, [400, 400]), [6, 12]);
  });

  it('shrinks after 300 s in which no more was desired', () => {
    const sizes = play(10, all(22, 10));
    assert.deepEqual(sizes.slice(0, 20), all(20, 10));
    assert.equal(sizes[20], 2);
  });

  it('keeps to the highest size that was desired in the last 300 s', () => {
    const sizes = play(10, [...all(10, 10), 35, ...all(25, 10)]);
    assert.deepEqual(sizes.slice(0, 30), all(30, 10));
    assert.equal(sizes.at(-1), 2);
  });

  it('shrinks no faster than its policies say', () => {
    const scaleDown = {
      stabilizationWindowSeconds: 0,
      policies: [{ type: 'Pods' as const, value: 1, periodSeconds: 60 }],
    };
    const autoscaling = { ...policy, behavior: { ...policy.behavior, scaleDown } };
    assert.deepEqual(play(10, all(9, 10), autoscaling), [9, 9, 9, 9, 8, 8, 8, 8, 7]);
  });

  it('does not shrink faster because the source was away in between', () => {
    let memory: ScalingMemory = { ...emptyMemory, desired: [{ atMs: startMs, replicas: 10 }] };
    const step = (nowMs: number, samples: Samples) => {
      const decision = decideSize({
        autoscaling: policy,
        current: 10,
        readyPods: new Set(pods(10)),
        samples,
        memory,
        nowMs,
      });
      memory = decision.memory;
      return decision.target;
    };
    step(startMs + 290_000, { kind: 'unavailable', message: 'away' });
    const nodes = pods(10).map((pod) => ({ pod, sampledAtMs: startMs + 305_000, cpuPercent: 10 }));
    assert.equal(step(startMs + 305_000, { kind: 'measured', nodes }), 10);
  });

  it('a clock that goes back never shortens the way down', () => {
    const memory: ScalingMemory = { ...emptyMemory, desired: [{ atMs: startMs + 100_000, replicas: 10 }] };
    const decision = decide({ autoscaling: policy, current: 10, memory, samples: measured(all(10, 10)) });
    assert.equal(decision.target, 10);
  });
});

/** A tenant under a load in cores: its nodes share it evenly, and follow each decision at once. */
function carry(from: number, cores: readonly number[], autoscaling = policy): number[] {
  let memory: ScalingMemory = { ...emptyMemory, desired: [{ atMs: startMs, replicas: from }] };
  let current = from;
  return cores.map((load, step) => {
    const nowMs = startMs + step * 15_000;
    const cpuPercent = (load * 100) / current;
    const nodes = pods(current).map((pod) => ({ pod, sampledAtMs: nowMs, cpuPercent }));
    const samples: Samples = { kind: 'measured', nodes };
    const decision = decideSize({ autoscaling, current, readyPods: new Set(pods(current)), samples, memory, nowMs });
    memory = decision.memory;
    current = decision.target;
    return current;
  });
}

describe('a size that does not flap', () => {
  const load = fc.integer({ min: 0, max: 3_000 }).map((hundredths) => hundredths / 100);
  const start = fc.integer({ min: 2, max: 50 });
  const steady = 60;

  it('finds one size for a steady load, and stays there', () => {
    fc.assert(
      fc.property(start, load, (from, cores) => {
        const sizes = carry(from, all(steady, cores));
        const last = sizes.slice(steady / 2);
        assert.ok(
          last.every((size) => size === last[0]),
          sizes.join(' '),
        );
      }),
    );
  });

  it('never goes down and up again for a steady load, nor up and down', () => {
    fc.assert(
      fc.property(start, load, (from, cores) => {
        const sizes = [from, ...carry(from, all(steady, cores))];
        const steps = sizes.slice(1).map((size, index) => Math.sign(size - (sizes[index] ?? size)));
        assert.ok(!(steps.includes(1) && steps.includes(-1)), sizes.join(' '));
      }),
    );
  });

  it('keeps its size for a load that swings around a threshold faster than the window', () => {
    const swinging = Array.from({ length: 80 }, (_, step) => (step % 4 < 2 ? 7.1 : 2.9));
    const sizes = carry(10, swinging);
    assert.deepEqual(new Set(sizes.slice(1)), new Set([sizes[1]]));
  });
});

describe('a recommendation', () => {
  const recommend: Autoscaling = { ...policy, mode: 'Recommend' };

  it('names where the way would end, at once, and again at each decision', () => {
    let memory: ScalingMemory = { ...emptyMemory, desired: [{ atMs: startMs, replicas: 2 }] };
    const targets = Array.from({ length: 8 }, (_, step) => {
      const nowMs = startMs + step * 15_000;
      const nodes = pods(2).map((pod) => ({ pod, sampledAtMs: nowMs, cpuPercent: 400 }));
      const samples: Samples = { kind: 'measured', nodes };
      const readyPods = new Set(pods(2));
      const decision = decideSize({ autoscaling: recommend, current: 2, readyPods, samples, memory, nowMs });
      memory = decision.memory;
      return decision.target;
    });
    assert.deepEqual(targets, all(8, 16));
  });

  it('of fewer nodes waits for the window, as a change would', () => {
    const decision = decide({
      autoscaling: recommend,
      current: 10,
      memory: { ...emptyMemory, desired: [{ atMs: startMs - 299_000, replicas: 10 }] },
      samples: measured(all(10, 10)),
    });
    assert.deepEqual([decision.target, decision.desired, decision.reason], [10, 2, 'Stabilizing']);
  });
});
