import cliProgress from 'cli-progress';
import type { Io } from '../io.ts';

export interface Progress {
  /** `done` and `total` in bytes read from the file; `rows` acknowledged so far. */
  update(done: number, rows: number): void;
  /** A line above the bar. */
  log(line: string): void;
  end(): void;
}

const lineIntervalMs = 5_000;

/** A bar on a terminal; a line every 5 seconds elsewhere, so that a log stays readable. */
export function startProgress(name: string, totalBytes: number, stream: Io['stderr']): Progress {
  return stream.isTTY ? startBar(name, totalBytes, stream) : startLines(name, totalBytes, stream);
}

function startBar(name: string, totalBytes: number, stream: Io['stderr']): Progress {
  const startedMs = performance.now();
  const bar = new cliProgress.SingleBar({
    stream,
    format: `${name} {bar} {percentage}% | {rows} rows | {rate} rows/s | {eta_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    etaBuffer: 50,
    // The caller ends the bar; an interrupt first lets the batches under way come home.
    gracefulExit: false,
  });
  bar.start(totalBytes, 0, { rows: '0', rate: '0' });
  return {
    update: (done, rows) =>
      bar.update(Math.min(done, totalBytes), {
        rows: rows.toLocaleString('en'),
        rate: Math.round(rows / Math.max(0.001, (performance.now() - startedMs) / 1_000)).toLocaleString('en'),
      }),
    log: (line) => {
      stream.write(`\r\u001b[K${line}`);
      bar.render();
    },
    end: () => bar.stop(),
  };
}

function startLines(name: string, totalBytes: number, stream: Io['stderr']): Progress {
  let writtenMs = performance.now();
  return {
    update: (done, rows) => {
      if (performance.now() - writtenMs < lineIntervalMs) return;
      writtenMs = performance.now();
      stream.write(
        `${name}: ${Math.min(100, Math.round((100 * done) / Math.max(1, totalBytes)))} % (${rows.toLocaleString('en')} rows)\n`,
      );
    },
    log: (line) => void stream.write(line),
    end: () => {},
  };
}
