import { constants } from 'node:os';
import { exitCodes, runCommandLine } from './command-line.ts';

const interrupt = new AbortController();
let endsBy = exitCodes.interrupted;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    endsBy = 128 + constants.signals[signal];
    // The second one ends the process at once; what is kept in temporary files goes with it.
    if (interrupt.signal.aborted) process.exit(endsBy);
    interrupt.abort();
  });
}
// What reads the other end of a pipe may leave at any time (`| head`); that is no failure of ours.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });

const code = await runCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  variables: process.env,
  signal: interrupt.signal,
});
process.exitCode = code === exitCodes.interrupted ? endsBy : code;
