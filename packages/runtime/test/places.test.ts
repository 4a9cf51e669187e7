import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PlaceOwners, Places } from '@hybridstore/runtime';
import fc from 'fast-check';

type Kind = 'user' | 'tenant';
const open = () => new Places<Kind>('calls under way', { total: 6, each: { user: 2, tenant: 4 } });

describe('places', () => {
  it('leave some to other users and other tenants, whatever one of them takes', () => {
    const places = open();
    for (let call = 0; call < 2; call += 1) places.take({ user: 'ada', tenant: 'a' });
    assert.throws(() => places.take({ user: 'ada', tenant: 'a' }), {
      code: 'overloaded',
      message: 'expected at most 2 calls under way for one user',
      details: { bound_of: 'user', max: 2, retry_after_ms: 1_000 },
    });
    for (let call = 0; call < 2; call += 1) places.take({ user: 'bob', tenant: 'a' });
    assert.throws(() => places.take({ user: 'eve', tenant: 'a' }), {
      message: /at most 4 calls under way for one tenant/,
    });
    for (let call = 0; call < 2; call += 1) places.take({ user: 'joe', tenant: 'b' });
    assert.throws(() => places.take({ user: 'sue', tenant: 'b' }), { message: /at most 6 calls under way$/ });
  });

  it('come back once, and a refusal takes none', () => {
    const places = open();
    const give = places.take({ user: 'ada', tenant: 'a' }, 2);
    assert.throws(() => places.take({ user: 'ada', tenant: 'a' }));
    give();
    give();
    assert.equal(places.taken, 0);
    places.take({ user: 'ada', tenant: 'a' }, 2)();
    assert.equal(places.taken, 0);
  });

  it('are counted for the kinds that a caller has', () => {
    const places = open();
    for (let call = 0; call < 6; call += 1) places.take({});
    assert.throws(() => places.take({}), { details: { bound_of: 'all', max: 6, retry_after_ms: 1_000 } });
  });

  it('for any takers and givers: no bound is exceeded, and nobody is refused below his own and that of all', () => {
    const step = fc.record({ user: fc.constantFrom('ada', 'bob', 'eve'), gives: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const places = open();
        const held: { readonly owners: PlaceOwners<Kind>; readonly give: () => void }[] = [];
        for (const { user, gives } of steps) {
          if (gives) held.shift()?.give();
          else {
            const owners = { user, tenant: user === 'eve' ? 'b' : 'a' };
            const count = (kind: Kind) => held.filter((one) => one.owners[kind] === owners[kind]).length;
            const isAllowed = held.length < 6 && count('user') < 2 && count('tenant') < 4;
            if (isAllowed) held.push({ owners, give: places.take(owners) });
            else assert.throws(() => places.take(owners), { code: 'overloaded' });
          }
          assert.equal(places.taken, held.length);
        }
      }),
    );
  });
});
