import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

export type ServerProcess = { readonly stop: () => Promise<void> };

const startAttemptsMax = 100;
const attemptEveryMs = 200;

/** Neither server runs as root. Undefined where this process is somebody else already. */
export function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined;
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** Starts a server and waits until it says that it is up; `isUp` throws until then. */
export async function startServer(
  command: string,
  options: readonly string[],
  {
    folder,
    isUp,
    stopSignal = 'SIGTERM',
  }: { readonly folder: string; readonly isUp: () => unknown; readonly stopSignal?: NodeJS.Signals },
): Promise<ServerProcess> {
  const server = spawn(command, options, { ...unprivileged(), cwd: folder, stdio: 'ignore' });
  const exited = once(server, 'exit');
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) server.kill(stopSignal);
    await exited;
  };
  for (let attempt = 0; attempt < startAttemptsMax; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`${command} ended with code ${server.exitCode} before it was up`);
    try {
      isUp();
      return { stop };
    } catch {
      // The client fails until the server takes connections.
      await pause(attemptEveryMs);
    }
  }
  await stop();
  throw new Error(`${command} was not up after ${(startAttemptsMax * attemptEveryMs) / 1_000} s`);
}
