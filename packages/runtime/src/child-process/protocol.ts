import type { Message } from './message-codec.ts';
import type { PipeBounds } from './message-pipe.ts';

/**
 * What a program and its child speak. Both hold this one constant; `version` rises with every change of what is said, so
 * that a program which was replaced on disk under a running parent is refused by name instead of misunderstood.
 */
export type ChildProtocol = { readonly name: string; readonly version: number; readonly bounds: PipeBounds };

/** The descriptor of the pipe in the child. Standard output stays free: nothing a library prints is taken for an answer. */
export const pipeDescriptor = 3;

/** The first message of each end. The parent's has the options its child is started with. */
export type Hello = { readonly name: string; readonly version: number; readonly options?: unknown };

/** Why the first message of the other end is not one of our protocol; undefined when it is. */
export function findMismatch(protocol: ChildProtocol, message: Message): string | undefined {
  const { name, version } = readHello(message);
  if (name === protocol.name && version === protocol.version) return undefined;
  return `expected ${protocol.name} version ${protocol.version}, found ${name} version ${version}`;
}

export function readHello(message: Message): Hello {
  if (message.kind !== 'hello') return { name: `a message of kind ${message.kind}`, version: 0 };
  // The layout of this first message never changes, and another program is refused by what it says here.
  return message.header as Hello;
}
