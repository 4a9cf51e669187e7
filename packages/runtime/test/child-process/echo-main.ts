import { writeSync } from 'node:fs';
import { getPriority } from 'node:os';
import { joinPayload } from '../../src/child-process/message-codec.ts';
import { serveParent } from '../../src/child-process/serve-parent.ts';
import { type EchoAnswer, type EchoOptions, type EchoRequest, echoProtocol } from './echo-protocol.ts';

/** A child that does what its test asks for. */
serveParent<EchoOptions, EchoRequest, EchoAnswer>(
  { ...echoProtocol, version: Number(process.env['ECHO_VERSION'] ?? echoProtocol.version) },
  async (options, parent) => {
    if (options.isBroken) throw new Error('no database here');
    let served = 0;
    return (request, payload) => {
      served += 1;
      switch (request.kind) {
        case 'echo':
          return parent.send({ kind: 'echo', served, greeting: options.greeting }, payload);
        case 'environment':
          return parent.send({ kind: 'environment', variables: { ...process.env }, priority: getPriority() });
        case 'print':
          writeSync(2, request.text);
          return;
        case 'fail':
          return parent.fail(new Error('the frames do not decode'));
        case 'refuse':
          throw new Error('no such table');
        case 'exit':
          return process.exit(7);
        case 'raw':
          writeSync(3, joinPayload(payload));
          if (request.isLast) process.exit(0);
          return;
        case 'allocate':
          parent.send({ kind: 'echo', served, greeting: String(Buffer.alloc(request.bytes, 1).length) });
          return;
        case 'stall':
          return new Promise(() => {});
        case 'ignore-signals':
          process.on('SIGTERM', () => {});
          parent.send({ kind: 'echo', served, greeting: options.greeting });
          return new Promise(() => {});
      }
    };
  },
);
