import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { done, requeueAfter, wait } from '../../src/controller/reconcile-result.ts';
import { type Ending, proceed, refuse, type StepResult, Steps } from '../../src/reconcile/run-steps.ts';

type Start = { readonly trace: string[] };
type Counted = Start & { readonly count: number };

const failure = new Error('no room');

function begin({ trace }: Start): StepResult {
  trace.push('begin');
  return proceed();
}

async function count({ trace }: Start): Promise<StepResult<{ readonly count: number }>> {
  trace.push('count');
  return proceed({ count: 3 });
}

function last({ trace, count: counted }: Counted): StepResult {
  trace.push(`last ${counted}`);
  return proceed();
}

async function report({ trace, count: counted }: Start & Partial<Counted>, ending: Ending<Counted>): Promise<void> {
  trace.push(`report ${ending.kind} ${counted}`);
}

/** One pass in which `step` has its turn between the first and the last one. */
async function play(step: (pass: Counted) => StepResult, after: (pass: Counted) => StepResult = () => proceed()) {
  const trace: string[] = [];
  const steps = new Steps<Start>().add(begin).add(count).add(step).add(last).report(report).add(after);
  const result = await steps.run({ trace }).catch((error: unknown) => error);
  return { trace, result };
}

describe('a pass of steps', () => {
  it('gives each step what those before it have found out, and reports once at the end', async () => {
    const { trace, result } = await play(() => proceed());
    assert.deepEqual(trace, ['begin', 'count', 'last 3', 'report complete 3']);
    assert.deepEqual(result, done());
  });

  for (const ending of [done(), requeueAfter(5), wait('NodesStarting', 7)])
    it(`ends at the first step that says ${ending.kind}, which is reported`, async () => {
      const { trace, result } = await play(() => ending);
      assert.deepEqual(trace, ['begin', 'count', `report ${ending.kind} 3`]);
      assert.deepEqual(result, ending);
    });

  it('is done when a step refuses the object, which is reported', async () => {
    const { trace, result } = await play(() => refuse('InvalidSpec', 'spec.size: expected a number'));
    assert.deepEqual(trace, ['begin', 'count', 'report refused 3']);
    assert.deepEqual(result, done());
  });

  it('fails with what a step throws, after the report of it', async () => {
    const { trace, result } = await play(() => {
      throw failure;
    });
    assert.deepEqual(trace, ['begin', 'count', 'report failed 3']);
    assert.equal(result, failure);
  });

  it('reports only what was found out until it ended', async () => {
    const trace: string[] = [];
    const steps = new Steps<Start>().add(() => wait('CacheBehind', 100)).add(count);
    assert.deepEqual(await steps.report(report).run({ trace }), wait('CacheBehind', 100));
    assert.deepEqual(trace, ['report wait undefined']);
  });

  it('ends as the steps after the report say', async () => {
    const { trace, result } = await play(
      () => proceed(),
      ({ count: counted }) => requeueAfter(counted),
    );
    assert.deepEqual(trace, ['begin', 'count', 'last 3', 'report complete 3']);
    assert.deepEqual(result, requeueAfter(3));
  });

  it('takes no step after the report when it ended before it', async () => {
    const { result } = await play(
      () => wait('NodesStarting', 7),
      () => requeueAfter(1),
    );
    assert.deepEqual(result, wait('NodesStarting', 7));
  });

  it('reports a failure of a step after the report as well', async () => {
    const { trace, result } = await play(
      () => proceed(),
      () => {
        throw failure;
      },
    );
    assert.deepEqual(trace, ['begin', 'count', 'last 3', 'report complete 3', 'report failed 3']);
    assert.equal(result, failure);
  });

  it('reports that its report failed, and fails with it', async () => {
    const kinds: string[] = [];
    const steps = new Steps<Start>().add(count).report(async (_pass, { kind }) => {
      kinds.push(kind);
      if (kind === 'complete') throw failure;
    });
    await assert.rejects(steps.run({ trace: [] }), failure);
    assert.deepEqual(kinds, ['complete', 'failed']);
  });

  it('begins each time with nothing that the pass before has found out', async () => {
    const seen: (number | undefined)[] = [];
    const look = (pass: Start & { readonly count?: number }) => {
      seen.push(pass.count);
      return proceed();
    };
    const steps = new Steps<Start>().add(look).add(count).report(report);
    for (let round = 0; round < 2; round += 1) await steps.run({ trace: [] });
    assert.deepEqual(seen, [undefined, undefined]);
  });

  it('does not compile where a step stands before what it needs', () => {
    // @ts-expect-error `last` reads the count, which nobody has found out yet
    new Steps<Start>().add(last);
  });
});
