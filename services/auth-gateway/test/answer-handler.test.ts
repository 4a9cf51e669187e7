import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dispatcher } from 'undici';
import { type AnswerEnd, AnswerHandler } from '../src/clients/answer-handler.ts';

function handle(signal: AbortSignal) {
  const ends: AnswerEnd[] = [];
  const handler = new AnswerHandler(
    signal,
    () => assert.fail('there is no answer'),
    (end) => ends.push(end),
  );
  return { handler, ends };
}

/** What undici gives the handler when the call goes out: an abort comes back as the error of the call. */
function startRequest(handler: AnswerHandler): readonly Error[] {
  const aborted: Error[] = [];
  const controller = {
    abort: (reason: Error) => {
      aborted.push(reason);
      handler.onResponseError(controller, reason);
    },
  } as unknown as Dispatcher.DispatchController;
  handler.onRequestStart(controller);
  return aborted;
}

describe('a call through the gateway whose client leaves', () => {
  const left = new Error('the client went away');

  it('ends at once while there is no connection, and is not sent when there is one', () => {
    const leaving = new AbortController();
    const { handler, ends } = handle(leaving.signal);
    leaving.abort(left);
    assert.deepEqual(ends, [{ error: left, isOpen: false }]);
    assert.deepEqual(startRequest(handler), [left]);
    assert.equal(ends.length, 1);
  });

  it('is torn, and ends once, while the service works for it', () => {
    const leaving = new AbortController();
    const { handler, ends } = handle(leaving.signal);
    const aborted = startRequest(handler);
    assert.deepEqual(ends, []);
    leaving.abort(left);
    assert.deepEqual([aborted, ends], [[left], [{ error: left, isOpen: false }]]);
  });

  it('ends at once when it had left before the call', () => {
    const { handler, ends } = handle(AbortSignal.abort(left));
    assert.deepEqual(startRequest(handler), [left]);
    assert.deepEqual(ends, [{ error: left, isOpen: false }]);
  });
});
