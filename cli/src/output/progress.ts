import cliProgress from 'cli-progress';

export type Progress = {
  /** `done` and `total` in bytes read from the file; `rows` acknowledged so far. */
  update(done: number, rows: number): void;
  end(): void;
};

const lineIntervalMs = 5_000;

/** A bar on a terminal; a line every 5 seconds elsewhere, so that a log stays readable. */
export function startProgress(name: string, totalBytes: number, stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? startBar(name, totalBytes, stream) : startLines(name, totalBytes, stream);
}

function startBar(name: string, totalBytes: number, stream: NodeJS.WriteStream): Progress {
  const startedMs = performance.now();
  const bar = new cliProgress.SingleBar({
    stream,
    format: `${name} {bar} {percentage}% | {rows} rows | {rate} rows/s | {eta_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    etaBuffer: 50,
  });
  bar.start(totalBytes, 0, { rows: '0', rate: '0' });
  return {
    update: (done, rows) =>
      bar.update(Math.min(done, totalBytes), {
        rows: rows.toLocaleString('en'),
        rate: Math.round(rows / Math.max(0.001, (performance.now() - startedMs) / 1_000)).toLocaleString('en'),
      }),
    end: () => bar.stop(),
  };
}

function startLines(name: string, totalBytes: number, stream: NodeJS.WriteStream): Progress {
  let writtenMs = performance.now();
  return {
    update: (done, rows) => {
      if (performance.now() - writtenMs < lineIntervalMs) return;
      writtenMs = performance.now();
      stream.write(
        `${name}: ${Math.min(100, Math.round((100 * done) / Math.max(1, totalBytes)))} % (${rows.toLocaleString('en')} rows)\n`,
      );
    },
    end: () => {},
  };
}
