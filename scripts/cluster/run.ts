import { spawn } from 'node:child_process';

/** More than this of one stream is cut from its front: the end of a log says more than its start. */
const outputCharsMax = 8_000_000;

/** Runs one command to its end and gives what it printed. The only place of these scripts that collects output. */
export type RunResult = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

export type RunOptions = {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** The command is killed after this time and its result carries code 137. */
  readonly timeoutMs?: number;
  /** The same, after this time without a piece of output. */
  readonly silenceMs?: number;
  /** Called with each piece of output as it comes (both streams). */
  readonly onOutput?: (text: string) => void;
};

/** Result of a command, whatever its exit code. Rejects only when it could not be started. */
export function tryRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const killAfter = (ms: number | undefined) =>
      ms === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), ms);
    const [timer, silence] = [killAfter(options.timeoutMs), killAfter(options.silenceMs)];
    const forgetTimers = () => {
      clearTimeout(timer);
      clearTimeout(silence);
    };
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = child[name];
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-outputCharsMax);
        silence?.refresh();
        options.onOutput?.(text);
      });
    }
    child.on('error', (error) => {
      forgetTimers();
      reject(new Error(`cannot start ${command}: ${error.message}`, { cause: error }));
    });
    child.on('close', (code) => {
      forgetTimers();
      resolve({ code: code ?? 137, ...output });
    });
    // A command may end without reading its input; its exit code says whether that was a failure.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  });
}

/** Standard output of a command that has to succeed; otherwise an error with its exit code and last words. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, args, options);
  if (result.code !== 0) {
    const words = (result.stderr.trim() || result.stdout.trim()).slice(-4_000);
    throw new Error(`${command} ${args.join(' ')} ended with ${result.code}: ${words}`);
  }
  return result.stdout;
}
