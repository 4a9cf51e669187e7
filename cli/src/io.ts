import { text } from 'node:stream/consumers';
import colors from 'picocolors';

/** What a command reads from and writes to: the process's own streams, or a test's. */
export type Io = {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly variables: Readonly<NodeJS.ProcessEnv>;
  /** Aborts when the user interrupts (Ctrl-C). */
  readonly signal: AbortSignal;
};

export type Paint = ReturnType<typeof colors.createColors>;

/** Colours for a terminal only: what goes into a file or a pipe is read by programs. */
export function paintFor(stream: Io['stdout'], variables: Io['variables']): Paint {
  return colors.createColors(stream.isTTY === true && !variables['NO_COLOR'] && variables['TERM'] !== 'dumb');
}

export const plain: Paint = colors.createColors(false);

export function readStdin(io: Io): Promise<string> {
  return text(io.stdin);
}
