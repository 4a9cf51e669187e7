import cliProgress from 'cli-progress';
import type { Io } from '../io.ts';

export interface Progress {
  /** `done` and `total` in bytes that were read; `count` rows, or whatever the unit is, so far. */
  update(done: number, count: number): void;
  /** A line above the bar. */
  log(line: string): void;
  end(): void;
}

const lineIntervalMs = 5_000;

/** A bar on a terminal; a line every 5 seconds elsewhere, so that a log stays readable. */
export function startProgress(
  name: string,
  totalBytes: number,
  stream: Io['stderr'],
  unit: 'rows' | 'files' = 'rows',
): Progress {
  return stream.isTTY ? startBar(name, totalBytes, { stream, unit }) : startLines(name, totalBytes, { stream, unit });
}

type Shown = { readonly stream: Io['stderr']; readonly unit: string };

function startBar(name: string, totalBytes: number, { stream, unit }: Shown): Progress {
  const startedMs = performance.now();
  const bar = new cliProgress.SingleBar({
    stream,
    format: `${name} {bar} {percentage}% | {count} ${unit} | {bytes} MB | {rate} ${unit}/s | {eta_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    etaBuffer: 50,
    // The caller ends the bar; an interrupt first lets the batches under way come home.
    gracefulExit: false,
  });
  bar.start(totalBytes, 0, { count: '0', bytes: '0', rate: '0' });
  return {
    update: (done, count) =>
      bar.update(Math.min(done, totalBytes), {
        count: count.toLocaleString('en'),
        bytes: Math.round(done / 1e6).toLocaleString('en'),
        rate: Math.round(count / Math.max(0.001, (performance.now() - startedMs) / 1_000)).toLocaleString('en'),
      }),
    log: (line) => {
      stream.write(`\r\u001b[K${line}`);
      bar.render();
    },
    end: () => bar.stop(),
  };
}

function startLines(name: string, totalBytes: number, { stream, unit }: Shown): Progress {
  let writtenMs = performance.now();
  return {
    update: (done, count) => {
      if (performance.now() - writtenMs < lineIntervalMs) return;
      writtenMs = performance.now();
      stream.write(
        `${name}: ${Math.min(100, Math.round((100 * done) / Math.max(1, totalBytes)))} % (${count.toLocaleString('en')} ${unit})\n`,
      );
    },
    log: (line) => void stream.write(line),
    end: () => {},
  };
}
