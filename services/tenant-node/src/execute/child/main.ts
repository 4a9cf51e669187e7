import { joinPayload, serveParent } from '@hybridstore/runtime';
import { executorProtocol, type FromChild, type SessionOptions, type ToChild } from '../messages.ts';
import { ChildSession } from './child-session.ts';

/** The executor child, which `ExecutorProcess` starts. */
serveParent<SessionOptions, ToChild, FromChild>(executorProtocol, async (options, parent) => {
  const session = await ChildSession.create(options, parent);
  return (message, payload) => receive(session, message, payload);
});

function receive(session: ChildSession, message: ToChild, payload: readonly Buffer[]): void {
  switch (message.kind) {
    case 'load':
      session.load(message.source, message, joinPayload(payload));
      return;
    case 'run':
      session.run(message);
      return;
    case 'credit':
      session.credit(message.query, message.bytes);
      return;
    case 'cancel':
      session.cancel(message.query);
      return;
    case 'forget':
      session.forget(message.source);
  }
}
