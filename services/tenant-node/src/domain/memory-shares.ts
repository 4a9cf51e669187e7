const mebibyte = 1024 ** 2;

/** A quarter of a pod is the heap of the node's main process, which the launcher of its image sees to. */
const heapShare = 1 / 4;
/** Code, stacks and heaps of five processes: the node, two executors (one in reserve), and two writers of segments. */
const processesBytes = 384 * mebibyte;
/** Of what is left to the engines; each of the two writers gets a sixth. */
const writerShare = 1 / 6;

/** Below these an engine cannot open a table, or write one. */
const executorBytesMin = 64 * mebibyte;
const writerBytesMin = 64 * mebibyte;

export type MemoryShares = { readonly executorBytes: number; readonly writerBytes: number };

/**
 * What the engines of a node may take, each at most what is asked for it, so that all its processes fit into its pod:
 *
 *   2 GiB   512 MiB heap │ 384 MiB processes │ 768 MiB executor │ 192 MiB writer │ 192 MiB compacting writer
 *
 * Without a bound they get what is asked. In a pod of less than 768 MiB the least that the engines need is more than there is.
 */
export function shareMemory(asked: MemoryShares, podBytesMax: number | undefined): MemoryShares {
  if (podBytesMax === undefined) return asked;
  const enginesBytes = Math.max(0, podBytesMax * (1 - heapShare) - processesBytes);
  const writerBytes = Math.min(asked.writerBytes, Math.max(writerBytesMin, wholeMebibytes(enginesBytes * writerShare)));
  const leftBytes = wholeMebibytes(enginesBytes - 2 * writerBytes);
  return { writerBytes, executorBytes: Math.min(asked.executorBytes, Math.max(executorBytesMin, leftBytes)) };
}

function wholeMebibytes(bytes: number): number {
  return Math.floor(bytes / mebibyte) * mebibyte;
}
