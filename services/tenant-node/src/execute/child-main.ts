import { Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { ChildSession, type SessionOptions } from './child-session.ts';
import { encodeMessage, type FromChild, MessageReader, type ToChild } from './messages.ts';

/** The pipe that the node passes; standard output stays free for nothing at all. */
const pipeDescriptor = 3;

/** Started by `ExecutorProcess` with its options as the only argument. Ends with the pipe: a child never outlives its node. */
async function main(): Promise<void> {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const pipe = new Socket({ fd: pipeDescriptor, readable: true, writable: true });
  const send = (message: FromChild, payload?: Uint8Array) => {
    for (const bytes of encodeMessage(message, payload)) pipe.write(bytes);
    if (message.kind === 'broken') pipe.end(() => process.exit(1));
  };
  // The node writes this argument itself; its shape is that of its own type.
  const session = await ChildSession.create(JSON.parse(process.argv[2] ?? '{}') as SessionOptions, send);
  const reader = new MessageReader<ToChild>();
  pipe.on('data', (chunk: Buffer) => {
    for (const { header, payload } of reader.push(chunk)) receive(session, header, payload);
  });
  pipe.on('close', () => process.exit(0));
  pipe.on('error', () => process.exit(0));
  send({ kind: 'ready' });
}

function receive(session: ChildSession, message: ToChild, payload: Buffer): void {
  switch (message.kind) {
    case 'load':
      session.load(message.source, message, payload);
      return;
    case 'run':
      session.run(message);
      return;
    case 'credit':
      session.credit(message.query, message.pieces);
      return;
    case 'cancel':
      session.cancel(message.query);
      return;
    case 'forget':
      session.forget(message.source);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`executor child cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
