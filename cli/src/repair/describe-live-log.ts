import type { LogChecked } from '@hybridstore/contracts';
import type { Finding, Part } from './finding.ts';

type LogProblem = LogChecked['problems'][number];

/**
 * What damage to the log of a node that serves means, in words. The node has its rows and ids in memory: the file is what its
 * next start reads.
 */
export function describeLiveLog(part: Part, problems: readonly LogProblem[]): readonly Finding[] {
  return problems.map((problem) => ({
    part: part.name,
    kind: part.kind,
    file: problem.name,
    problem: problem.reason,
    ...judge(problem),
  }));
}

type Judgement = Pick<Finding, 'effect' | 'repair'>;

function judge(problem: LogProblem): Judgement {
  switch (problem.kind) {
    case 'segment':
      return judgeSegment(problem);
    case 'ids':
      return problem.spare
        ? {
            effect: 'none: its segment has the ids',
            repair: 'nothing while the node runs: its next start moves it aside',
          }
        : {
            effect: 'after its next start the node refuses batches with an id until the ids of the file are over',
            repair: 'nothing: put the file back from a copy of the volume',
          };
    case 'head':
      return {
        effect:
          'none while the node runs: how far the log was durable is known from its other slot, or from the segments',
        repair: 'nothing: the node writes both slots anew within minutes; check again',
      };
    case 'log-id':
      return problem.spare
        ? { effect: 'none: the next start makes it again from the segments', repair: 'nothing' }
        : {
            effect: 'the node does not start again',
            repair: 'end the node, then admin repair on its volume: it moves the file aside',
          };
  }
}

function judgeSegment({ spare, after_lsn: afterLsn, until_lsn: untilLsn }: LogProblem): Judgement {
  if (afterLsn === undefined || untilLsn === undefined)
    return {
      effect: 'the node does not start again while the file is there',
      repair: 'nothing while the node runs: move the file out of the log when it is down',
    };
  const frames = afterLsn + 1 === untilLsn ? `LSN ${untilLsn}` : `LSN ${afterLsn + 1} to ${untilLsn}`;
  if (spare)
    return {
      effect: `none for queries: the rows of ${frames} are in their tables`,
      repair: 'nothing: a node passes over it, and removes it in its time',
    };
  return {
    effect: `the node does not start again before the rows of ${frames} are flushed; it has them in memory`,
    repair: 'nothing: leave the node running until its rows are flushed, and check again',
  };
}
