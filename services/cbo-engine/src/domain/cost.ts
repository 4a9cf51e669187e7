import type { Work } from './work.ts';

// Nanoseconds a row on one core, measured with DuckDB 1.5 on a 2-core machine; the learned factor corrects what another
// machine does differently.
const nsPerScannedValue = 4;
const nsPerFilteredRow = 2;
const nsPerBuiltRow = 60;
const nsPerProbedRow = 25;
const nsPerGroupedRow = 30;
const nsPerSortedRow = 12;
const nsPerWindowedRow = 120;
const nsPerProducedRow = 600;
const msPerFile = 0.06;
const msPerMegabyteRead = 0.5;
const msAtLeast = 2;

/**
 * Predicted milliseconds of a plan on one node: every kind of work costs its rows times a constant, as in the weighted sum
 * of System R, here of CPU alone plus what opening and reading files takes.
 *
 * The plan of the example in `cardinality.ts`, over 10 files of 22 MB:
 * ```text
 * scanned   2,020,000 values x 4 ns      8.1 ms      (1,000,000 orders and 10,000 customers, two columns each)
 * built           200 rows x 60 ns       0.0 ms
 * probed    1,000,000 rows x 25 ns      25.0 ms
 * filtered     20,000 rows x 2 ns        0.0 ms
 * grouped      20,000 rows x 30 ns       0.6 ms
 * produced        365 rows x 600 ns      0.2 ms
 * files            10 x 0.06 ms          0.6 ms
 * bytes            22 MB x 0.5 ms       11.0 ms
 * at least                               2.0 ms      planning and the hand-over to the child take that long
 *                                       47.6 ms
 * ```
 * Only a sort grows faster than its rows: n log n. Left out on purpose: cores (one statement may have them all or none),
 * what the page cache holds, spilling (`heldBytes` is an estimate of its own), other statements at the same time, the
 * way of the answer to the client. Those differ by machine and hour, and `execution-history.ts` learns the sum of them.
 */
export function estimateCostMs(work: Work, files: number, bytes: number): number {
  const nanoseconds =
    work.scanned * nsPerScannedValue +
    work.filtered * nsPerFilteredRow +
    work.built * nsPerBuiltRow +
    work.probed * nsPerProbedRow +
    work.grouped * nsPerGroupedRow +
    work.sorted * nsPerSortedRow * Math.log2(2 + work.sorted) +
    work.windowed * nsPerWindowedRow +
    work.produced * nsPerProducedRow;
  return msAtLeast + nanoseconds / 1e6 + files * msPerFile + (bytes / 1e6) * msPerMegabyteRead;
}
