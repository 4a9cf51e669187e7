import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/*
 * What a write says is what every later query says: while the rows are fresh, after a restart that replays them, after
 * the flush that makes files of them, and after a restart that finds only the files.
 */

const folder = createTemporaryFolder('round-trip');
let node: NodeUnderTest;
after(async () => {
  await node.close();
  folder[Symbol.dispose]();
});

const columns = [
  { name: 'row', type: 'integer' },
  { name: 'part', type: 'string' },
  { name: 'long', type: 'bigint' },
  { name: 'real', type: 'double' },
  { name: 'price', type: 'decimal(38,10)' },
  { name: 'day', type: 'date' },
  { name: 'at', type: 'timestamp' },
  { name: 'flag', type: 'boolean' },
  { name: 'words', type: 'string' },
  { name: 'extra', type: 'json' },
];

/** A value as the body spells it, and as every answer spells it, up to how a number is written. */
type Spelled = { readonly written: string; readonly read: string };
type Fields = Readonly<Record<string, Spelled>>;

const json = (value: unknown) => JSON.stringify(value);
const same = (text: string): Spelled => ({ written: text, read: text });

const safe = 9_007_199_254_740_991n;
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({
  written: String(value),
  read: value >= -safe && value <= safe ? String(value) : json(String(value)),
}));
const real = fc
  .double({ noDefaultInfinity: false })
  .map((value) => same(Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : String(value)) : json(String(value))));
const price = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }).map((value) => {
  const digits = String(value < 0n ? -value : value).padStart(11, '0');
  const spelled = `${value < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`;
  return { written: spelled, read: json(spelled) };
});
/** Of every character but NUL, which the write refuses. */
const characters = (maxLength: number) =>
  fc.string({ unit: 'binary', maxLength }).map((value) => value.replaceAll('\0', '\u0001'));
const words = characters(60).map((value) => same(json(value)));
const moment = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((value) => value.toISOString());
/** Of any length: documents keep every digit. */
const anyNumber = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 1n }),
    fc.constantFrom('', '.5', '.1234567890123456789', 'e300', 'E-9'),
  )
  .map((parts) => same(parts.join('')));
const nested = fc
  .constantFrom('{}', '[]', 'null', '""', '[[{}],{"":9007199254740993}]', '{"a":{"b":[1e400,-1]}}')
  .map(same);
const partValues = ['a/b', 'a%2Fb', 'a b', ' ', '../x', '\u0001', "it's", 'é=😀', 'null'];

const documents = fc.dictionary(
  characters(12).filter((name) => name !== '__proto__' && name !== 'row'),
  fc.oneof(words, anyNumber, nested),
  { maxKeys: 6, noNullPrototype: true },
);
const perhaps = (value: fc.Arbitrary<Spelled>) => fc.option(value, { nil: same('null'), freq: 8 });
const typed = fc.record({
  part: perhaps(fc.constantFrom(...partValues).map((value) => same(json(value)))),
  long: perhaps(long),
  real: perhaps(real),
  price: perhaps(price),
  day: perhaps(moment.map((value) => same(json(value.slice(0, 10))))),
  at: perhaps(moment.map((value) => ({ written: json(value), read: json(value) }))),
  flag: perhaps(fc.boolean().map((value) => same(json(value)))),
  words: perhaps(words),
  extra: perhaps(
    fc.oneof(
      anyNumber,
      documents.map((fields) => ({ written: objectText(fields, 'written'), read: objectText(fields, 'read') })),
    ),
  ),
});

it('every value is in every later answer as it was written', async () => {
  const samples = { typed: sampleRows(typed, 11), documents: sampleRows(documents, 12) };
  node = await createNodeUnderTest({}, systemClock, folder.path);
  await post(node, '/sources/add', json({ source_id: 'typed', columns, partition_columns: ['part'] }));
  await post(node, '/sources/add', json({ source_id: 'documents' }));
  for (const [source, rows] of Object.entries(samples)) {
    const records = rows.map((fields) => `{"fields":${objectText(fields, 'written')}}`);
    await post(node, '/data/write', `{"source_id":"${source}","records":[${records.join(',')}]}`);
  }
  for (const reading of ['fresh', 'replayed', 'flushed', 'found again']) {
    if (reading === 'replayed' || reading === 'found again') {
      await node.close();
      node = await createNodeUnderTest({}, systemClock, folder.path);
    }
    if (reading === 'flushed') for (const source of Object.keys(samples)) await node.engine.flush(source);
    for (const [source, rows] of Object.entries(samples))
      assert.deepEqual(
        await readRows(node, source),
        rows.map((fields) => parseExactly(objectText(fields, 'read'))),
        `${source}, ${reading}`,
      );
  }
});

function sampleRows(fields: fc.Arbitrary<Fields>, seed: number): Fields[] {
  return fc.sample(fields, { numRuns: 300, seed }).map((sample, row) => ({ row: same(String(row)), ...sample }));
}

function objectText(fields: Fields, side: keyof Spelled): string {
  return `{${Object.entries(fields)
    .map(([name, value]) => `${json(name)}:${value[side]}`)
    .join(',')}}`;
}

async function post(node: NodeUnderTest, url: string, payload: string): Promise<string> {
  const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}`, 'content-type': 'application/json' };
  const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
  assert.ok(answer.statusCode < 300, answer.body.slice(0, 1_000));
  return answer.body;
}

async function readRows(node: NodeUnderTest, source: string): Promise<unknown[]> {
  const lines = await post(node, '/data/search/stream', json({ source_id: source, limit: 1_000 }));
  const records = lines
    .trimEnd()
    .split('\n')
    .map((line) => parseExactly(line) as { fields: { row: string } });
  return records.map((record) => record.fields).sort((a, b) => rowOf(a) - rowOf(b));
}

function rowOf(fields: { readonly row: string }): number {
  return Number(fields.row.replace('number ', ''));
}

/** Numbers as `number <digits>e<exponent>`, without zeros at the ends, so that two spellings of one number are equal. */
function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: { readonly source?: string }) =>
    typeof value === 'number' ? `number ${canonicalNumber(context?.source ?? '')}` : value,
  );
}

function canonicalNumber(source: string): string {
  const [mantissa = '', power = '0'] = source.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  const exponent = trimmed === '' ? 0 : Number(power) - fraction.length + digits.length - trimmed.length;
  return `${source.startsWith('-') ? '-' : ''}${trimmed || '0'}e${exponent}`;
}
