import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { arrowStreamType, ndjsonType, recordsPerWriteMax } from '@hybridstore/contracts';
import {
  Bool,
  CompressionType,
  compressionRegistry,
  DateDay,
  Decimal,
  Dictionary,
  Float64,
  Int32,
  Int64,
  LargeUtf8,
  makeData,
  makeVector,
  type RecordBatch,
  RecordBatchStreamWriter,
  Struct,
  Table,
  TimestampMicrosecond,
  TimestampNanosecond,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

type ErrorAnswer = { readonly code: string; readonly message: string; readonly details: Record<string, unknown> };
type Answer = {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly error: ErrorAnswer | undefined;
};

const columns = [
  { name: 'id', type: 'bigint', nullable: false },
  { name: 'small', type: 'integer' },
  { name: 'price', type: 'decimal(12,2)' },
  { name: 'ratio', type: 'double' },
  { name: 'ok', type: 'boolean' },
  { name: 'day', type: 'date' },
  { name: 'at', type: 'timestamp' },
  { name: 'label', type: 'string' },
  { name: 'doc', type: 'json' },
];

let node: NodeUnderTest;
let sources = 0;

before(async () => {
  node = await createNodeUnderTest();
});
after(() => node.close());

async function call(url: string, payload: string | Buffer, headers: Record<string, string>): Promise<Answer> {
  const authorization = `Bearer ${node.issuer.userToken(tenant)}`;
  const answer = await node.server.app.inject({ method: 'POST', url, headers: { authorization, ...headers }, payload });
  const body = answer.json<Record<string, unknown>>();
  return { status: answer.statusCode, body, error: body['error'] as ErrorAnswer | undefined };
}

const json = { 'content-type': 'application/json' };

async function addSource(definition: object = { columns }): Promise<string> {
  sources += 1;
  const source = `typed_${sources}`;
  const added = await call('/sources/add', JSON.stringify({ source_id: source, ...definition }), json);
  assert.equal(added.status, 201, JSON.stringify(added.body));
  return source;
}

function write(source: string, body: string | Buffer, headers: Record<string, string>): Promise<Answer> {
  return call(`/data/write?source_id=${source}`, body, headers);
}

async function rowsOf(source: string): Promise<unknown[]> {
  const { body } = await call('/data/search', JSON.stringify({ source_id: source, limit: 1_000 }), json);
  const records = body['records'] as readonly { readonly fields: Record<string, unknown> }[];
  return records.map(({ fields }) => fields).toSorted((a, b) => Number(a['id']) - Number(b['id']));
}

const row = {
  id: 1,
  small: -7,
  price: '12.50',
  ratio: 0.1,
  ok: true,
  day: '2024-02-29',
  at: '2024-05-01T12:30:00.500Z',
  label: 'größer',
  doc: { a: [1, null] },
};
const none = { id: 2, small: null, price: null, ratio: null, ok: null, day: null, at: null, label: null, doc: null };

describe('a write of NDJSON', () => {
  const headers = { 'content-type': ndjsonType };

  it('is acknowledged and read like records of JSON', async () => {
    const source = await addSource();
    const { status, body } = await write(source, `${JSON.stringify(row)}\r\n\n{"id":2}`, headers);
    assert.deepEqual([status, body['accepted'], body['durable'], body['duplicate']], [200, 2, true, false]);
    assert.deepEqual(await rowsOf(source), [row, none]);
  });

  it('brings documents to a source without columns', async () => {
    const source = await addSource({});
    const { status } = await write(source, '{"id":1,"n":1.50}\n{"id":2,"deep":{"x":[{}]}}\n', headers);
    assert.equal(status, 200);
    assert.deepEqual((await rowsOf(source)).length, 2);
  });

  it('is applied once under its id, compressed or not', async () => {
    const source = await addSource();
    const keyed = { ...headers, 'idempotency-key': 'lines-1' };
    const first = await write(source, '{"id":1}\n{"id":2}', keyed);
    const packed = { ...keyed, 'content-encoding': 'zstd' };
    const second = await write(source, zstdCompressSync('{"id":1}\n{"id":2}'), packed);
    assert.deepEqual([first.body['duplicate'], second.body['duplicate']], [false, true]);
    assert.equal(first.body['lsn'], second.body['lsn']);
    assert.equal((await rowsOf(source)).length, 2);
  });

  const refused: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ['a value of another type', '{"id":1}\n{"id":"x"}', /^records\[1\]\.fields\.id: expected an integer of 64 bits/],
    ['a field that is no column', '{"id":1,"x":1}', /^records\[0\]\.fields\.x: expected one of the columns id/],
    [
      'no value where there must be one',
      '{"small":1}',
      /^records\[0\]\.fields\.id: expected bigint, not null, got null/,
    ],
    ['a key that stands twice', '{"id":1}\n{"id":2,"id":3}', /^records\[1\]: the key "id" stands twice in one object/],
    ['what is no JSON', '{"id":1}\n{"id":', /^records\[1\]: not valid JSON/],
    ['what is no object', '{"id":1}\n\n[1]', /^records\[1\]: expected an object/],
    ['two objects in a line', '{"id":1},{"id":2}', /^records\[0\]: not valid JSON/],
    ['a key that sets a prototype', '{"id":1,"doc":{"__proto__":1}}', /^records\[0\]: __proto__/],
    ['what is nested too deep', `{"id":1,"doc":${'['.repeat(99)}${']'.repeat(99)}}`, /^records\[0\]: .*nested deeper/],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /^body: not valid UTF-8/],
    ['no row', '\n \r\n', /^body: expected 1 to 100000 rows, found 0/],
    ['too many rows', '{}\n'.repeat(recordsPerWriteMax + 1), /^body: expected 1 to 100000 rows, found 100001/],
    ['an array of records', JSON.stringify([{ fields: row }]), /^records\[0\]: expected an object/],
  ];
  for (const [what, body, message] of refused)
    it(`is refused for ${what}, and nothing of it is kept`, async () => {
      const source = await addSource();
      const { status, error } = await write(source, body, headers);
      assert.equal(status, 400);
      assert.match(error?.message ?? '', message);
      assert.deepEqual(await rowsOf(source), []);
    });

  it('is read in a thread when it is large, and as long as its rows do not fit, named and not kept', async () => {
    const source = await addSource();
    const lines = Array.from({ length: 2_000 }, (_, id) => `{"id":${id},"label":"${'x'.repeat(20)}"}`);
    const bad = await write(source, [...lines, '{"id":0,"label":1}'].join('\n'), headers);
    assert.match(bad.error?.message ?? '', /^records\[2000\]\.fields\.label: expected text, got 1/);
    assert.equal((await write(source, lines.join('\n'), headers)).body['accepted'], 2_000);
    const found = await call('/data/search', JSON.stringify({ source_id: source, limit: 1 }), json);
    assert.equal(found.status, 200);
  });

  it('needs its source in the query, as one', async () => {
    assert.match(
      (await call('/data/write', '{"id":1}', headers)).error?.message ?? '',
      /^source_id: expected in the query/,
    );
    assert.equal((await write('NO SOURCE', '{"id":1}', headers)).status, 400);
    assert.equal((await write('none', '{"id":1}', headers)).status, 404);
    const other = JSON.stringify({ source_id: 'sales', records: [{ fields: {} }] });
    assert.match((await write('none', other, json)).error?.message ?? '', /^source_id: expected the same source/);
  });

  it('is taken by no other endpoint, and no other type by this one', async () => {
    assert.match(
      (await call('/data/search', '{}', headers)).error?.message ?? '',
      /^Content-Type: expected application\/json$/,
    );
    const { status, error } = await write('any', '{}', { 'content-type': 'text/csv' });
    assert.equal(status, 400);
    assert.match(
      error?.message ?? '',
      /expected application\/json or application\/x-ndjson or application\/vnd.apache/,
    );
  });
});

describe('a write of an Arrow stream', () => {
  const headers = { 'content-type': arrowStreamType };

  function stream(vectors: Record<string, Vector>, compression?: CompressionType): Buffer {
    return streamOf(new Table(vectors).batches, compression);
  }

  function streamOf(batches: readonly RecordBatch[], compressionType?: CompressionType): Buffer {
    const writer = new RecordBatchStreamWriter(compressionType === undefined ? {} : { compressionType });
    for (const batch of batches) writer.write(batch);
    writer.finish();
    return Buffer.from(writer.toUint8Array(true));
  }

  const decimals = (values: readonly bigint[], scale: number) => {
    const words = new BigInt64Array(values.flatMap((value) => [BigInt.asIntN(64, value), value >> 64n]));
    const data = new Uint32Array(words.buffer);
    return makeVector(makeData({ type: new Decimal(scale, 20, 128), length: values.length, nullCount: 0, data }));
  };
  const usual = () => ({
    id: vectorFromArray([1n, 2n], new Int64()),
    small: vectorFromArray([-7, null], new Int32()),
    ratio: vectorFromArray([0.1, null], new Float64()),
    ok: vectorFromArray([true, null], new Bool()),
    day: vectorFromArray([new Date('2024-02-29T00:00:00Z'), null], new DateDay()),
    at: vectorFromArray([1_714_566_600_500, null], new TimestampMicrosecond()),
    label: vectorFromArray(['größer', null], new Utf8()),
  });

  it('is acknowledged and read like records of JSON', async () => {
    const source = await addSource();
    const { status, body } = await write(source, stream(usual()), headers);
    assert.deepEqual([status, body['accepted'], body['durable']], [200, 2, true], JSON.stringify(body));
    assert.deepEqual(await rowsOf(source), [{ ...row, price: null, doc: null }, none]);
  });

  it('may have compressed buffers, and several batches', async () => {
    compressionRegistry.set(CompressionType.ZSTD, { encode: (bytes) => zstdCompressSync(bytes) });
    const source = await addSource();
    const batches = [1, 2, 3].map((start) => {
      const ids = Array.from({ length: 11 }, (_, at) => BigInt(start * 100 + at));
      const labels = ids.map((id) => (id % 3n === 0n ? null : `label ${id}`.repeat(20)));
      return new Table({ id: vectorFromArray(ids, new Int64()), label: vectorFromArray(labels, new Utf8()) })
        .batches[0]!;
    });
    const { status, body } = await write(source, streamOf(batches, CompressionType.ZSTD), headers);
    assert.deepEqual([status, body['accepted']], [200, 33], JSON.stringify(body));
    const found = (await rowsOf(source)) as { readonly id: number; readonly label: string | null }[];
    assert.deepEqual(
      found.map(({ id, label }) => [id, label]),
      [1, 2, 3].flatMap((start) =>
        Array.from({ length: 11 }, (_, at) => {
          const id = start * 100 + at;
          return [id, id % 3 === 0 ? null : `label ${id}`.repeat(20)];
        }),
      ),
    );
  });

  it('brings decimals, dictionaries, large texts and nanoseconds', async () => {
    const source = await addSource();
    const body = stream({
      id: vectorFromArray([1, 2], new Int32()),
      price: decimals([1250n, -999_999_999_999n], 2),
      label: vectorFromArray(['a', 'b'], new Dictionary(new Utf8(), new Int32())),
      doc: vectorFromArray(['text "x"', null], new LargeUtf8()),
      at: makeVector(
        makeData({
          type: new TimestampNanosecond(),
          length: 2,
          nullCount: 0,
          data: new BigInt64Array([1_000n, -1_000n]),
        }),
      ),
    });
    const answer = await write(source, body, headers);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const found = (await rowsOf(source)) as Record<string, unknown>[];
    assert.deepEqual(
      found.map(({ price, label, doc, at }) => [price, label, doc, at]),
      [
        ['12.50', 'a', 'text "x"', '1970-01-01T00:00:00.000001Z'],
        ['-9999999999.99', 'b', null, '1969-12-31T23:59:59.999999Z'],
      ],
    );
  });

  const one = (name: string, vector: Vector) => stream({ id: vectorFromArray([1n], new Int64()), [name]: vector });
  const bad = (bytes: Uint8Array) => {
    const data = makeData({
      type: new Utf8(),
      length: 1,
      nullCount: 0,
      valueOffsets: new Int32Array([0, bytes.length]),
      data: bytes,
    });
    return makeVector(data);
  };
  const nanos = makeData({ type: new TimestampNanosecond(), length: 1, nullCount: 0, data: new BigInt64Array([1n]) });
  const far = makeData({
    type: new TimestampMicrosecond(),
    length: 1,
    nullCount: 0,
    data: new BigInt64Array([2n ** 62n]),
  });
  const refused: readonly (readonly [string, () => Buffer, RegExp])[] = [
    [
      'a type that the column cannot hold',
      () => one('small', vectorFromArray(['1'], new Utf8())),
      /^column small: expected whole numbers for integer, got Utf8/,
    ],
    [
      'floats in a column of integers',
      () => one('small', vectorFromArray([1], new Float64())),
      /^column small: expected whole numbers/,
    ],
    ['a nested type', () => one('doc', vectorFromArray([{ a: 1 }], new Struct([]))), /^column doc: expected Utf8/],
    [
      'an integer beyond its column',
      () => one('small', vectorFromArray([2n ** 40n], new Int64())),
      /^records\[0\]\.fields\.small: expected an integer from/,
    ],
    [
      'a decimal of too many digits',
      () => one('price', decimals([10n ** 12n], 2)),
      /^records\[0\]\.fields\.price: expected a number or text of at most 12 digits/,
    ],
    ['a decimal that would lose a digit', () => one('price', decimals([12_345n], 3)), /^records\[0\]\.fields\.price/],
    [
      'a time that would lose a digit',
      () => one('at', makeVector(nanos)),
      /^records\[0\]\.fields\.at: expected a time with at most microseconds/,
    ],
    [
      'a time behind the year 9999',
      () => one('at', makeVector(far)),
      /^records\[0\]\.fields\.at: expected a time of the years/,
    ],
    [
      'a text that is no UTF-8',
      () => one('label', bad(new Uint8Array([0xff]))),
      /^records\[0\]\.fields\.label: expected text in UTF-8/,
    ],
    [
      'a text with a NUL',
      () => one('label', bad(new Uint8Array([0]))),
      /^records\[0\]\.fields\.label: expected text without NUL/,
    ],
    [
      'a name that is no column',
      () => one('x', vectorFromArray([1], new Int32())),
      /^column x: expected one of the columns id/,
    ],
    [
      'no value where there must be one',
      () => stream({ small: vectorFromArray([1], new Int32()) }),
      /^records\[0\]\.fields\.id: expected bigint, not null/,
    ],
    ['no rows', () => stream({ id: vectorFromArray([], new Int64()) }), /^body: expected 1 to 100000 rows, found 0/],
    [
      'what is no stream',
      () => Buffer.from('PAR1 and more of it'),
      /^body: not readable as an Arrow IPC stream|^body: expected 1 to/,
    ],
    ['a file', () => Buffer.from('ARROW1\0\0'), /it is an Arrow file, not a stream/],
  ];
  for (const [what, body, message] of refused)
    it(`is refused for ${what}, and nothing of it is kept`, async () => {
      const source = await addSource();
      const { status, error } = await write(source, body(), headers);
      assert.equal(status, 400, JSON.stringify(error));
      assert.match(error?.message ?? '', message);
      assert.deepEqual(await rowsOf(source), []);
    });

  it('is refused where the source has no columns', async () => {
    const source = await addSource({});
    const { status, error } = await write(source, stream(usual()), headers);
    assert.equal(status, 400);
    assert.match(error?.message ?? '', /^Content-Type: expected JSON or NDJSON/);
  });

  it('is bounded by what its buffers unpack to', async () => {
    compressionRegistry.set(CompressionType.ZSTD, { encode: (bytes) => zstdCompressSync(bytes) });
    const source = await addSource();
    const labels = Array.from({ length: 40 }, () => 'x'.repeat(1024 * 1024));
    const ids = labels.map((_, at) => BigInt(at));
    const vectors = { id: vectorFromArray(ids, new Int64()), label: vectorFromArray(labels, new Utf8()) };
    const { status, error } = await write(source, stream(vectors, CompressionType.ZSTD), headers);
    assert.deepEqual([status, error?.code], [413, 'too_large']);
  });

  it('is refused, and ends nothing, with any byte of it broken or its end cut off', async () => {
    const source = await addSource();
    const sound = stream({ ...usual(), price: decimals([1n, 2n], 2) });
    for (let at = 0; at < sound.length; at += 7) {
      const broken = Buffer.from(sound);
      broken[at] = broken[at]! ^ 0xff;
      const { status } = await write(source, broken, headers);
      assert.ok(status === 200 || status === 400 || status === 413, `byte ${at}: ${status}`);
      const cut = await write(source, sound.subarray(0, at), headers);
      assert.ok(cut.status === 400 || cut.status === 200, `cut at ${at}: ${cut.status}`);
    }
    assert.equal((await write(source, sound, headers)).status, 200);
  });
});
