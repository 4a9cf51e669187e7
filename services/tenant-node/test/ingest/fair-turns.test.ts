import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FairTurns, type Turn, type Verdict } from '../../src/ingest/fair-turns.ts';

/** `a ada 1`: the first of ada's for source a. */
type Named = Turn & { readonly name: string };

function lineOf(...names: readonly string[]): FairTurns<Named> {
  const turns = new FairTurns<Named>();
  for (const name of names) turns.add(turnOf(name));
  return turns;
}

function turnOf(name: string): Named {
  const [source = '', caller = ''] = name.split(' ');
  return { source, caller, name };
}

/** All that go, in their order. */
function takeAll(turns: FairTurns<Named>, judge: (turn: Named) => Verdict = () => 'go'): readonly string[] {
  const taken: string[] = [];
  for (let next = turns.take(judge); next; next = turns.take(judge)) taken.push(next.name);
  return taken;
}

describe('turns', () => {
  it('go round the sources, of a source round its callers, and of a caller in the order of coming', () => {
    const turns = lineOf('a ada 1', 'a ada 2', 'a ada 3', 'a bob 1', 'b ada 1');
    assert.deepEqual(takeAll(turns), ['a ada 1', 'b ada 1', 'a bob 1', 'a ada 2', 'a ada 3']);
    assert.deepEqual([turns.length, turns.hasSource('a'), turns.ofCaller('ada')], [0, false, 0]);
  });

  it('of who was served come last, also beside those that came since', () => {
    const turns = lineOf('a ada 1', 'a ada 2');
    assert.equal(turns.take(() => 'go')?.name, 'a ada 1');
    turns.add(turnOf('b bob 1'));
    turns.add(turnOf('a eve 1'));
    assert.deepEqual(takeAll(turns), ['a ada 2', 'b bob 1', 'a eve 1']);
  });

  it('of a source that waits are kept, and others go', () => {
    const turns = lineOf('a ada 1', 'a bob 1', 'b ada 1');
    const judge = ({ source }: Named) => (source === 'a' ? 'source waits' : 'go');
    assert.deepEqual(takeAll(turns, judge), ['b ada 1']);
    assert.deepEqual(takeAll(turns), ['a ada 1', 'a bob 1']);
  });

  it('of a caller who waits are kept for every source, so that none of his own takes away what he waits for', () => {
    const turns = lineOf('a ada large', 'a bob 1', 'b ada 1', 'b bob 1');
    const judge = ({ name }: Named) => (name === 'a ada large' ? 'caller waits' : 'go');
    assert.deepEqual(takeAll(turns, judge), ['a bob 1', 'b bob 1']);
  });

  it('of a caller go on where what he waited for is his source after all', () => {
    const turns = lineOf('b ada 1', 'a ada large');
    assert.deepEqual(
      takeAll(turns, ({ source }) => (source === 'a' ? 'caller waits' : 'source waits')),
      [],
    );
    assert.deepEqual(
      takeAll(turns, ({ source }) => (source === 'a' ? 'source waits' : 'go')),
      ['b ada 1'],
    );
  });

  it('wait behind one that waits for all', () => {
    const turns = lineOf('a ada large', 'b bob 1');
    assert.deepEqual(
      takeAll(turns, ({ name }) => (name === 'a ada large' ? 'all wait' : 'go')),
      [],
    );
    assert.deepEqual(takeAll(turns), ['a ada large', 'b bob 1']);
  });

  it('are given up once, and leave the others theirs', () => {
    const turns = lineOf('a ada 1', 'b bob 1');
    const given = turnOf('a ada 2');
    turns.add(given);
    assert.deepEqual([turns.remove(given), turns.remove(given), turns.length], [true, false, 2]);
    assert.deepEqual([turns.ofCaller('ada'), turns.ofCaller('bob')], [1, 1]);
    assert.deepEqual(
      turns.takeAll().map(({ name }) => name),
      ['a ada 1', 'b bob 1'],
    );
    assert.equal(turns.length, 0);
  });
});
