import type { Work } from './work.ts';

// Nanoseconds a row on one core, measured with DuckDB 1.5 on a 2-core machine (docs/operating/benchmarks.md); the learned
// factor corrects what another machine does differently.
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

/** Predicted milliseconds on one node from the work, the files opened and the bytes read. Never below 2 ms: planning and the child take that long. */
export function priceWork(work: Work, files: number, bytes: number): number {
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
