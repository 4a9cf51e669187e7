import { monitorEventLoopDelay } from 'node:perf_hooks';

// Loaded first by a process whose stalls are measured: answers each message with the longest one since the last, in ms.

const resolutionMs = 2;
const nanosecondsPerMs = 1e6;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();

process.on('message', () => {
  process.send?.({ stallMs: delays.max / nanosecondsPerMs });
  delays.reset();
});
