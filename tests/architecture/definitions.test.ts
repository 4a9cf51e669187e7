import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { definesClass, definesFunction } from './definitions.ts';

const text = `
import { imported } from './elsewhere.ts';
export { exported } from './elsewhere.ts';
/** mentioned() and {@link mentioned} in words */
interface Port {
  declared(name: string): Promise<void>;
}
export async function plain<T>(value: T): Promise<T> {
  called(value);
  spread(
    value,
  );
  return value === undefined ? chosen(value) : (await passed(value)).done();
}
function* generated() {}
export const arrow = async (value: string) => value;
const typed: (value: string) => string = (value) => value;
const notAFunction = 5;
const table = { entry: () => 1 };
class Owner {
  readonly bound = () => this.#hidden();
  method(first: string, second = called()): string {
    return first;
  }
  async many(
    first: string,
    options: { readonly deep: (value: string) => void },
  ): Promise<Map<string, string>> {
    return new Map();
  }
  async *#hidden() {
    yield 1;
  }
  static create<T>(value: T): Owner {
    return new Owner();
  }
}
`;

describe('a definition of a function', () => {
  for (const name of ['plain', 'generated', 'arrow', 'typed', 'bound', 'method', 'many', '#hidden', 'create'])
    it(`is seen: ${name}`, () => assert.ok(definesFunction(text, name)));

  for (const name of ['imported', 'exported', 'mentioned', 'declared', 'called', 'spread', 'chosen', 'passed', 'done'])
    it(`is not a mention, a call or a signature: ${name}`, () => assert.ok(!definesFunction(text, name)));

  it('is not another name that begins or ends alike, a value, or a private method under a public name', () => {
    for (const name of ['plai', 'lain', 'notAFunction', 'hidden', 'Owner'])
      assert.ok(!definesFunction(text, name), name);
  });

  it('belongs to a class that is defined there', () => {
    assert.deepEqual(
      [definesClass(text, 'Owner'), definesClass(text, 'Port'), definesClass(text, 'Own')],
      [true, false, false],
    );
  });
});
