import type { LogicalPlan, PlanQuery, QueryBody, SelectBody } from '@hybridstore/contracts';
import { isAggregateFunction, walkQuery } from '@hybridstore/plan';

/** What one scan reads: rows of the files that are left to it, and what a row of the columns it uses takes in the engine. */
export type ScanSize = { readonly rows: number; readonly rowBytes: number };

/** Pointers, hashes and room that is not filled, over the values themselves. */
const structureFactor = 1.5;
/** Groups by one key are taken to be as many as a quarter of the rows: nobody counts the distinct values of a text. */
const oneKeyShare = 1 / 4;
/** Aggregates that keep every value they are given. */
const holdingAggregates: ReadonlySet<string> = new Set([
  'array_agg',
  'entropy',
  'histogram',
  'json_group_array',
  'json_group_object',
  'mad',
  'median',
  'mode',
  'quantile_cont',
  'quantile_disc',
  'string_agg',
]);

/**
 * About how many bytes a plan holds at once, from above: what its scans read, as far as it has an operator that cannot let go
 * of a row before it has seen the last one. 0 for a plan that streams. Pure, one walk.
 *
 *   sort, window, DISTINCT, groups by several keys, median …     all that is read
 *   groups by one key                                            a quarter of it
 *   joins                                                        all but the largest scan, or half of two equal ones
 *   LIMIT behind ORDER BY                                        nothing: only the first rows are kept
 *
 * Left out on purpose: what conditions take away and which operator stands where. Too much costs a wait, too little costs
 * another run, alone; the optimizer's estimate (`cbo-engine`) knows more and does not come with every plan. Fresh rows are
 * in memory already.
 */
export function predictMemoryBytes({ query }: Pick<LogicalPlan, 'query'>, scans: readonly ScanSize[]): number {
  const bytes = scans.map(({ rows, rowBytes }) => rows * rowBytes);
  const total = bytes.reduce((sum, one) => sum + one, 0);
  const largest = bytes.reduce((most, one) => Math.max(most, one), 0);
  const { heldShare, hasJoin } = findHolding(query);
  const joined = hasJoin ? Math.max(total - largest, 0) : 0;
  return Math.ceil((total * heldShare + joined) * structureFactor);
}

type Holding = { heldShare: number; hasJoin: boolean };

function findHolding(query: PlanQuery): Holding {
  const found: Holding = { heldShare: 0, hasJoin: false };
  const hold = (share: number) => {
    found.heldShare = Math.max(found.heldShare, share);
  };
  walkQuery(query, {
    query: (node) => {
      if (node.orderBy?.length && node.limit === undefined) hold(1);
      holdBody(node.body, hold);
    },
    relation: (node) => {
      if (node.kind === 'join') found.hasJoin = true;
    },
    expression: (node) => {
      if ('query' in node) found.hasJoin = true;
      if (node.kind !== 'call') return;
      if (node.over) hold(1);
      else if (isAggregateFunction(node.function) && (node.distinct || holdingAggregates.has(node.function))) hold(1);
    },
  });
  return found;
}

/** Bodies of a query that are no queries of their own; those are visited by themselves. */
function holdBody(body: QueryBody, hold: (share: number) => void): void {
  if (body.kind === 'set_operation') {
    if (!body.all || body.operator !== 'union') hold(1);
    for (const input of body.inputs) holdBody(input, hold);
  } else if (body.kind === 'select') holdSelect(body, hold);
}

function holdSelect({ distinct, groupBy }: SelectBody, hold: (share: number) => void): void {
  if (distinct) hold(1);
  const [first, ...more] = groupBy ?? [];
  if (first) hold(first.kind === 'key' && more.length === 0 ? oneKeyShare : 1);
}
