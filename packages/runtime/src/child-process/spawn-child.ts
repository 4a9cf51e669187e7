import { type ChildProcess, spawn } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { setPriority } from 'node:os';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../log.ts';

/** What a child may take of this machine. */
export type ChildLimits = {
  /**
   * Variables of the child, beside `PATH`, `HOME` and, where this process has one, the place of compiled code. Nothing of
   * this process's own environment is inherited.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** `ulimit -d` in KiB: turns an allocation beyond it into an error of the child, where a neighbour would die instead. */
  readonly dataKibMax?: number | undefined;
  /** 0 is as important as this process, 19 the least. */
  readonly niceness?: number;
};

const baseEnvironment = { PATH: '/usr/bin:/bin', HOME: '/nonexistent' };
const stderrLinesMax = 200;
const stderrLineCharactersMax = 4_096;

/** The program `<name>.ts` that lies beside a module; in a build, where both are bundled, `<name>.js`. */
export function programBeside(moduleUrl: string, name: string): string {
  return fileURLToPath(new URL(`./${name}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl));
}

/** Starts `program` in this Node, with one duplex pipe beside standard error. */
export function spawnChild(program: string, limits: ChildLimits, logger: Logger): ChildProcess {
  const node = [process.execPath, program];
  const [command = '', ...args] =
    limits.dataKibMax === undefined
      ? node
      : ['/bin/sh', '-c', 'ulimit -d "$0" && exec "$@"', String(limits.dataKibMax), ...node];
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...baseEnvironment, ...compileCache(), ...limits.environment },
  });
  lowerPriority(child, limits, logger);
  logStderr(child, logger);
  return child;
}

/** Sources start in a quarter of the time when they need not be compiled again. Builds run without it. */
function compileCache(): Readonly<Record<string, string>> {
  const folder = getCompileCacheDir();
  // Node makes the last folder of it, named after its own version.
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}

/** Done before the program has threads, which take over the priority they are started with. */
function lowerPriority(child: ChildProcess, { niceness }: ChildLimits, logger: Logger): void {
  if (niceness === undefined || child.pid === undefined) return;
  try {
    setPriority(child.pid, niceness);
  } catch (error) {
    // A child that is gone already has no priority left; what ended it is reported with its end.
    logger.debug('child_priority', { pid: child.pid, error });
  }
}

/** The first lines are enough to see what happens; a child that writes without end must not fill the log. */
function logStderr(child: ChildProcess, logger: Logger): void {
  const decoder = new StringDecoder('utf8');
  let [pending, lines] = ['', 0];
  const log = (line: string) => {
    lines += 1;
    if (lines <= stderrLinesMax) logger.warn('child_stderr', { pid: child.pid, line });
  };
  child.stderr?.on('data', (chunk: Buffer) => {
    const parts = `${pending}${decoder.write(chunk)}`.split('\n');
    pending = (parts.pop() ?? '').slice(0, stderrLineCharactersMax);
    for (const line of parts) log(line.slice(0, stderrLineCharactersMax));
  });
  child.stderr?.once('end', () => {
    if (pending !== '') log(pending);
  });
}
