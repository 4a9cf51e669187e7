import { runCommandLine } from './command-line.ts';

const interrupt = new AbortController();
// The second one ends the process at once: `once` gives the signal its ordinary meaning back.
process.once('SIGINT', () => interrupt.abort());
// What reads the other end of a pipe may leave at any time (`| head`); that is no failure of ours.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  variables: process.env,
  signal: interrupt.signal,
});
