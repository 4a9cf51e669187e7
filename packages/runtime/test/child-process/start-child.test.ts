import assert from 'node:assert/strict';
import { getCompileCacheDir } from 'node:module';
import { describe, it, type TestContext } from 'node:test';
import { FakeClock } from '@hybridstore/test-kit';
import {
  type ChildChannel,
  type ChildOptions,
  joinPayload,
  type Logger,
  programBeside,
  silentLogger,
  startChild,
  systemClock,
} from '../../src/index.ts';
import { type EchoAnswer, type EchoOptions, type EchoRequest, echoProtocol } from './echo-protocol.ts';

const program = programBeside(import.meta.url, 'echo-main');
const options: EchoOptions = { greeting: 'hello' };

describe('a child process', () => {
  it('is given its options, and messages that were sent before it served', async (context) => {
    const { child, next } = start(context);
    child.send({ kind: 'echo' }, [Buffer.from('a'), Buffer.from('b')]);
    assert.deepEqual(await next(), { answer: { kind: 'echo', served: 1, greeting: 'hello' }, payload: 'ab' });
    await child.ready;
    assert.equal(child.isGone, false);
  });

  it('sees the variables that are named for it and none of its parent', async (context) => {
    process.env['PLANTED_SECRET'] = 'hunter2';
    context.after(() => {
      delete process.env['PLANTED_SECRET'];
    });
    const { child, next } = start(context, { limits: { environment: { UV_THREADPOOL_SIZE: '2' } } });
    child.send({ kind: 'environment' });
    const { answer } = await next();
    assert.ok(answer.kind === 'environment');
    const { NODE_COMPILE_CACHE: compileCache, ...variables } = answer.variables;
    assert.deepEqual(variables, { PATH: '/usr/bin:/bin', HOME: '/nonexistent', UV_THREADPOOL_SIZE: '2' });
    assert.equal(compileCache === undefined, getCompileCacheDir() === undefined);
  });

  it('runs at the priority it is given', async (context) => {
    const { child, next } = start(context, { limits: { niceness: 11 } });
    child.send({ kind: 'environment' });
    const { answer } = await next();
    assert.equal(answer.kind === 'environment' && answer.priority, 11);
  });

  it('is refused memory beyond its limit', async (context) => {
    const { child } = start(context, { limits: { dataKibMax: 1024 * 1024 } });
    child.send({ kind: 'allocate', bytes: 2 * 1024 * 1024 * 1024 });
    const { error } = await child.ended;
    assert.match(error.message, /^echo child: .*allocat/);
  });

  it('of another version is refused by name', async (context) => {
    const { child } = start(context, { limits: { environment: { ECHO_VERSION: '4' } } });
    const refused = { code: 'internal', message: 'echo child: expected echo version 3, found echo version 4' };
    await assert.rejects(child.ready, refused);
    assert.equal((await child.ended).error.message, refused.message);
  });

  it('of another program is refused by name', async (context) => {
    const { child } = start(context, { protocol: { ...echoProtocol, name: 'parrot' } });
    await assert.rejects(child.ready, { message: 'parrot child: expected parrot version 3, found echo version 3' });
  });

  it('that cannot start gives its reason', async (context) => {
    const { child } = start(context, { options: { greeting: '', isBroken: true } });
    await assert.rejects(child.ready, { code: 'internal', message: 'echo child: no database here' });
    assert.deepEqual(exit(await child.ended), [1, null]);
  });

  it('that cannot go on gives its reason, in its own words or by an error', async (context) => {
    for (const [kind, reason] of [
      ['fail', 'the frames do not decode'],
      ['refuse', 'no such table'],
    ] as const) {
      const { child } = start(context);
      child.send({ kind });
      const end = await child.ended;
      assert.deepEqual([...exit(end), end.error.message], [1, null, `echo child: ${reason}`]);
    }
  });

  it('that exits is reported with its code', async (context) => {
    const { child } = start(context);
    child.send({ kind: 'exit' });
    const end = await child.ended;
    assert.deepEqual([...exit(end), end.error.code], [7, null, 'unavailable']);
    assert.equal(end.error.message, 'echo child ended with exit code 7');
    assert.equal(child.isGone, true);
    child.send({ kind: 'echo' });
  });

  it('that is killed by somebody else is reported with its signal', async (context) => {
    const { child } = start(context);
    await child.ready;
    process.kill(child.pid ?? 0, 'SIGSEGV');
    const end = await child.ended;
    assert.deepEqual([...exit(end), end.error.message], [null, 'SIGSEGV', 'echo child ended with SIGSEGV']);
  });

  it('that cannot be started at all is an end, and not an exception', async (context) => {
    const { child } = start(context, { program: '/nonexistent/main.ts' });
    await assert.rejects(child.ready, { code: 'unavailable', message: 'echo child ended with exit code 1' });
  });

  it('is killed when its time is up, and only then', async (context) => {
    const clock = new FakeClock();
    const { child } = start(context, { clock });
    await child.ready;
    child.send({ kind: 'stall' });
    const kills: string[] = [];
    const cancel = child.killAfter(500, 'the other request took too long', () => kills.push('other'));
    child.killAfter(1_000, 'the request took too long', () => kills.push('this'));
    cancel();
    await clock.advance(999);
    assert.equal(child.isGone, false);
    await clock.advance(1);
    const end = await child.ended;
    assert.deepEqual([...exit(end), kills], [null, 'SIGKILL', ['this']]);
    assert.equal(end.error.message, 'echo child was killed: the request took too long');
    assert.equal(clock.pending, 0);
  });

  it('that is closed takes what was sent before, and ends with 0', async (context) => {
    const { child, answers } = start(context);
    await child.ready;
    for (let sent = 0; sent < 3; sent += 1) child.send({ kind: 'echo' });
    const end = await child.close(60_000);
    assert.deepEqual([...exit(end), answers.length], [0, null, 3]);
  });

  it('that is closed and does not end is terminated, and then killed', async (context) => {
    const clock = new FakeClock();
    const stubborn = start(context, { clock });
    stubborn.child.send({ kind: 'ignore-signals' });
    await stubborn.next();
    const killed = stubborn.child.close(1_000);
    await clock.advance(2_000);
    assert.deepEqual(exit(await killed), [null, 'SIGKILL']);

    const stalled = start(context, { clock });
    await stalled.child.ready;
    stalled.child.send({ kind: 'stall' });
    const terminated = stalled.child.close(1_000);
    await clock.advance(1_000);
    assert.deepEqual(exit(await terminated), [null, 'SIGTERM']);
  });

  it('that is closed before it serves is killed', async (context) => {
    const { child } = start(context);
    assert.deepEqual(exit(await child.close(60_000)), [null, 'SIGKILL']);
  });

  it('that does not read is killed before its messages fill the memory', async (context) => {
    const { child } = start(context);
    await child.ready;
    child.send({ kind: 'stall' });
    let sent = 0;
    for (; !child.isGone && sent < 100; sent += 1) {
      child.send({ kind: 'echo' }, Buffer.alloc(512 * 1024));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { error } = await child.ended;
    assert.equal(error.code, 'overloaded');
    assert.ok(sent < 100);
  });

  it('that writes what is no message, or a part of one, is killed for it', async (context) => {
    const bad = [
      [Buffer.from('not a message'), false, /^child process: expected a message, found the bytes 6e6f/],
      [Buffer.from('HC\x01\x01\x02\0\0\0\0\0\0\x01', 'latin1'), false, /^child process: a message of 16777230 bytes/],
      [Buffer.from('HC\x01\x01\x02\0\0\0', 'latin1'), true, /^child process: the pipe ended 8 bytes into a message$/],
    ] as const;
    for (const [bytes, isLast, message] of bad) {
      const { child } = start(context);
      child.send({ kind: 'raw', isLast }, bytes);
      const { error } = await child.ended;
      assert.equal(error.code, 'corrupt');
      assert.match(error.message, message);
    }
  });

  it('that its parent cannot understand is killed', async (context) => {
    const { child } = start(context, {
      receive: () => {
        throw new Error('no such query');
      },
    });
    child.send({ kind: 'echo' });
    const end = await child.ended;
    assert.equal(end.signal, 'SIGKILL');
    assert.equal(end.error.message, 'child process: what was received was refused: no such query');
  });

  it('has its first lines on standard error logged, each cut to a length', async (context) => {
    const lines: string[] = [];
    const { child } = start(context, { logger: collectLines(lines) });
    child.send({ kind: 'print', text: `first\n${'x'.repeat(10_000)}\n${'again\n'.repeat(300)}` });
    child.send({ kind: 'exit' });
    await child.ended;
    assert.deepEqual(
      lines.map((line) => line.length),
      [5, 4_096, ...Array.from({ length: 198 }, () => 5)],
    );
  });
});

type Heard = { readonly answer: EchoAnswer; readonly payload: string };

function start(context: TestContext, over: Partial<ChildOptions<EchoAnswer>> = {}) {
  const answers: Heard[] = [];
  let wake = () => {};
  const child: ChildChannel<EchoRequest> = startChild<EchoRequest, EchoAnswer>({
    protocol: echoProtocol,
    program,
    options,
    limits: {},
    clock: systemClock,
    logger: silentLogger,
    receive: (answer, payload) => {
      answers.push({ answer, payload: joinPayload(payload).toString() });
      wake();
    },
    ...over,
  });
  context.after(() => child.kill('the test is over'));
  const next = async (): Promise<Heard> => {
    const heard = answers.shift();
    if (heard) return heard;
    const ended = child.ended.then(({ error }) => Promise.reject(error));
    await Promise.race([new Promise<void>((resolve) => (wake = resolve)), ended]);
    return next();
  };
  return { child, next, answers };
}

function exit(end: { readonly exitCode: number | null; readonly signal: string | null }) {
  return [end.exitCode, end.signal];
}

function collectLines(lines: string[]): Logger {
  return {
    ...silentLogger,
    warn: (event, fields) => void (event === 'child_stderr' && lines.push(String(fields?.['line']))),
  };
}
