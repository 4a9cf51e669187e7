import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nearestName } from '@hybridstore/plan';

const names = ['id', 'ts', 'name', 'amount', 'customer_id', 'order_date', 'Region', 'a'];

describe('a nearest name', () => {
  it('is named only when few of its letters differ', () => {
    const cases: readonly (readonly [string, string | undefined])[] = [
      ['nam', 'name'],
      ['tss', undefined],
      ['nmae', 'name'],
      ['namee', 'name'],
      ['ammount', 'amount'],
      ['amont', 'amount'],
      ['custmer_id', 'customer_id'],
      ['customerid', 'customer_id'],
      ['costumer_ids', 'customer_id'],
      ['region', 'Region'],
      ['REGION', 'Region'],
      ['ID', 'id'],
      ['it', undefined],
      ['x', undefined],
      ['', undefined],
      ['price', undefined],
      ['amorphous', undefined],
      ['delivery_date', undefined],
      ['order_details', undefined],
      ['z'.repeat(1_000), undefined],
    ];
    for (const [name, expected] of cases) assert.deepEqual([name, nearestName(name, names)], [name, expected]);
  });

  it('is the nearest of several, the first of those that are as near', () => {
    assert.equal(nearestName('orders', ['order', 'orders_', 'ordres']), 'order');
    assert.equal(nearestName('customers', ['customs', 'customer', 'consumers']), 'customer');
  });
});
