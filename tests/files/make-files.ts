import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import * as arrow from 'apache-arrow';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

const folder = fileURLToPath(new URL('data', import.meta.url));

/** The corpus of `file-cases.ts`: `node_modules/.bin/node tests/files/make-files.ts` writes it again. */
async function makeFiles(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(textFiles)) write(name, content);
  await writeDuckdbFiles();
  write('int96.parquet', int96Parquet());
  write('int96.parquet.gz', gzipSync(int96Parquet()));
  write('bad-text.parquet', badTextParquet());
  write('bad-text.arrow', arrow.tableToIPC(badTextArrow(), 'file'));
  write('types.arrow', arrow.tableToIPC(arrowTypes(), 'file'));
  write(
    'duration.arrows',
    arrow.tableToIPC(new arrow.Table({ took: units(new arrow.DurationSecond(), [1n]) }), 'stream'),
  );
  write('infinity.arrow', arrow.tableToIPC(arrowInfinity(), 'file'));
}

function write(name: string, content: string | Uint8Array): void {
  writeFileSync(join(folder, name), content);
}

const packed = 'id,name\n1,Ann\n2,Bob\n';
const windows = Buffer.concat([Buffer.from('id,name\n1,'), Buffer.from([0x80, 0x93, 0xe9, 0x94]), Buffer.from('\n')]);
const utf16 = Buffer.from('\uFEFFid,name\r\n1,José €\r\n2,\u{1F642}\r\n', 'utf16le');

const textFiles: Readonly<Record<string, string | Uint8Array>> = {
  'digits.ndjson':
    '{"id":9007199254740993,"at":[12345678901234567.89,{"n":123456789012345678}]}\n{"id":-18014398509481985,"at":0.1234567890123456789}\n',
  'digits.json': '[{"id":9007199254740993,"price":12345678901234567.89},\n {"id":123456789012345678,"price":0.01}]\n',
  'separators.ndjson': '{"id":1,"t":"a\u2028b\u2029c\u0085d"}\r\n{"id":2,"t":"e"}\n',
  'repeated-key.ndjson': '{"id":1,"a":1,"a":2}\n{"id":2,"a":3}\n',
  'features.geojson':
    '{"type":"FeatureCollection","crs":{"name":"x"},"features":[{"id":1,"properties":{"n":9007199254740993}}]}',
  'no-rows.json': '[]\n',
  'header-only.csv': 'id,name\n',
  'mixed-line-ends.csv': 'id,name\r\n1,a\n2,"b\r\nc"\r3,d\r\n\r\n4,e',
  'blanks.csv': 'id,d,n,t,s\n1, ,,\t,\n2,\u00a0,\u00a0,\u00a0,\u00a0\n3,0,1.5,2024-01-15,x\n',
  'no-numbers.csv': 'id,d,n\n1,0x1F,1\n2,1_000,1\n3,31,0x1F\n4,1e2,7\n5,1e999,1\n',
  'stray-quote.csv': 'id,name\n1,a\n2,5" pipe\n3,b\n4,"x"y\n5,"c"\n',
  'unclosed-quote.csv': 'id,name\n1,"a\n2,b\n3,"c"\n4,d\n',
  'ragged.csv': 'id,name\n1\n2,b\n3,c,d\n',
  'semicolons.csv':
    'id;price;at\n1;1.234,50;15.01.2024 10:30\n2;-0,5;01.02.2024 00:00\n3;1.5;01.03.2024 00:00\n4;1;2024-03-01\n',
  'headers.csv':
    'id,Unit Price (€),a.b,"say ""hi"", [x]", lead,2019,gro\u0308\u00dfe,`c`;d=e/f,select\n1,1.5,x,y,z,7,m,n,o\n2,-2,,,,,,,\n',
  'tabs.tsv': 'id\tname\n1\ta,b\n2\t"c\td"\n',
  'tabs-in.csv': 'id\tname\n1\ta;b\n',
  'other-marks.csv': "id|name\n1|'a|b'\n2|\"c\n3|'it''s'\n",
  'negative-zero.csv': 'id,d\n1,-0\n2,-0.0\n3,0\n',
  'negative-zero.ndjson': '{"id":1,"d":-0}\n{"id":2,"d":-0.0}\n{"id":3,"d":0}\n',
  'nulls.csv': 'id,name,n\n1,NA,NA\n2,\\N,-\n3,null,7\n',
  'latin1.csv': Buffer.from('id,name\n1,Ann\n2,José\n', 'latin1'),
  'windows-1252.csv': windows,
  'utf-16le.csv': utf16,
  'utf-16be.csv': Buffer.from(utf16).swap16(),
  'epoch.csv': 'id,s\n1,1705312800\n2,-1\n3,\n4,soon\n',
  'nanoseconds.csv': 'id,at\n1,2024-01-15T10:00:00.123456789Z\n2,2024-01-15T10:00:00.123456000Z\n',
  'packed.csv.gz': Buffer.concat([gzipSync(packed.slice(0, 14)), gzipSync(packed.slice(14))]),
  'packed.csv.zst': Buffer.concat([zstdCompressSync(packed.slice(0, 14)), zstdCompressSync(packed.slice(14))]),
  'cut.csv.gz': gzipSync(packed).subarray(0, -6),
  'trips.csv':
    'id,code,fare,exact,on_time,day,at,note\n1,007,1.5,12345678901234567.89,true,2024-01-15,2024-01-15T10:00:00Z,x\n2,010,,0.01,false,2024-01-16,2024-01-16T11:30:00Z,\n',
};

async function writeDuckdbFiles(): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  for (const [name, query] of Object.entries(duckdbFiles))
    await connection.run(`COPY (${query}) TO '${join(folder, name)}' (FORMAT parquet)`);
  connection.closeSync();
}

const duckdbFiles: Readonly<Record<string, string>> = {
  'types.parquet': `SELECT * FROM (VALUES
    (1, '\\x00\\xFF'::BLOB, TIME '01:02:03.0005', 12345678901234567.89::DECIMAL(38,2), 18446744073709551615::UBIGINT,
     DATE '0001-01-01', TIMESTAMP '0001-01-01 00:00:00', UUID '00112233-4455-6677-8899-aabbccddeeff', 'a'::ENUM('a', 'b'),
     {'d': 12345678901234567.89::DECIMAL(38,2), 'l': [{'x': 1.10::DECIMAL(4,2)}, NULL], 't': TIME '23:59:59', 'b': '\\x01'::BLOB,
      'm': MAP {'k': 0.5::DECIMAL(3,1)}, 'u': 18446744073709551615::UBIGINT, 'w': TIMESTAMP_NS '2024-01-15 10:00:00.123456789'},
     '{"n":9007199254740993}'::JSON),
    (2, NULL, NULL, NULL, NULL, DATE '9999-12-31', TIMESTAMP '9999-12-31 23:59:59.999999', NULL, NULL, NULL, NULL)
    ) t(id, bin, tim, dec, u64, "day", "at", uu, cat, doc, js)`,
  'nested.parquet': `SELECT 1 AS id, MAP {'k': MAP {'j': [1.5::DECIMAL(3,1)]}} AS m, [MAP {'x': NULL}] AS l, [[NULL, []], NULL] AS n,
    {'a': {'b': NULL}} AS s, NULL::MAP(VARCHAR, INT) AS z, [{'m': MAP {'q': DATE '0001-01-01'}}, NULL] AS lm, TIME '24:00:00' AS "end"`,
  'nanoseconds.parquet': `SELECT 1 AS id, TIMESTAMP_NS '2024-01-15 10:00:00.123456789' AS "at"
    UNION ALL SELECT 2, TIMESTAMP_NS '1969-12-31 23:59:59.999999999'`,
  'infinity.parquet': `SELECT 1 AS id, DATE 'infinity' AS "day", TIMESTAMP '2024-01-01' AS "at"
    UNION ALL SELECT 2, DATE '2024-01-01', TIMESTAMP '-infinity' UNION ALL SELECT 3, DATE '2024-01-01', TIMESTAMP '2024-01-01'`,
  'interval.parquet': `SELECT 1 AS id, {'took': INTERVAL 1 DAY} AS run`,
};

/** Julian day and nanoseconds of the day, as Impala and old Spark write times. */
function int96Parquet(): Uint8Array {
  const writer = new ByteWriter();
  const schema = [
    { name: 'root', num_children: 2 },
    { name: 'id', type: 'INT32' as const, repetition_type: 'REQUIRED' as const },
    { name: 'at', type: 'FIXED_LEN_BYTE_ARRAY' as const, type_length: 12, repetition_type: 'OPTIONAL' as const },
  ];
  const parquet = new ParquetWriter({ writer, schema, statistics: false });
  const at = [int96(2_460_325n, 36_000_123_456_000n), null, int96(2_440_587n, 86_399_999_999_000n)];
  parquet.write({
    columnData: [
      { name: 'id', data: [1, 2, 3] },
      { name: 'at', data: at, encoding: 'PLAIN' },
    ],
  });
  // The bytes are laid out alike; only the schema calls them otherwise.
  Object.assign(schema[2] ?? {}, { type: 'INT96', type_length: undefined });
  for (const { columns } of parquet.row_groups) Object.assign(columns[1]?.meta_data ?? {}, { type: 'INT96' });
  parquet.finish();
  return writer.getBytes();
}

/** A text column of some bytes. */
function badTextParquet(): Uint8Array {
  const writer = new ByteWriter();
  const schema = [
    { name: 'root', num_children: 2 },
    { name: 'id', type: 'INT32' as const, repetition_type: 'REQUIRED' as const },
    { name: 't', type: 'BYTE_ARRAY' as const, repetition_type: 'OPTIONAL' as const, converted_type: 'UTF8' as const },
  ];
  const parquet = new ParquetWriter({ writer, schema, statistics: false });
  parquet.write({
    columnData: [
      { name: 'id', data: [1, 2] },
      { name: 't', data: [Uint8Array.of(0xe9), Buffer.from('é')] },
    ],
  });
  parquet.finish();
  return writer.getBytes();
}

function badTextArrow(): arrow.Table {
  const bytes = arrow.vectorFromArray([Uint8Array.of(0xe9), Buffer.from('é')], new arrow.Binary());
  const [data] = bytes.data;
  if (data === undefined) throw new RangeError('a vector of two values has data');
  return new arrow.Table({
    id: arrow.vectorFromArray([1, 2], new arrow.Int32()),
    t: new arrow.Vector([data.clone(new arrow.Utf8())]),
  });
}

function int96(julianDay: bigint, nanoseconds: bigint): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(nanoseconds, 0);
  bytes.writeUInt32LE(Number(julianDay), 8);
  return bytes;
}

/** Units as they are stored; the library's own builders take doubles. */
function units(type: arrow.DataType, values: readonly (bigint | null)[]): arrow.Vector {
  const nullBitmap = new Uint8Array(8);
  for (const [index, value] of values.entries()) if (value !== null) nullBitmap[index >> 3]! |= 1 << (index & 7);
  const data = BigInt64Array.from(values, (value) => value ?? 0n);
  const nullCount = values.filter((value) => value === null).length;
  return new arrow.Vector([arrow.makeData({ type: type as arrow.Timestamp, data, nullBitmap, nullCount })]); // its storage is the same for all
}

function arrowTypes(): arrow.Table {
  const long = 'longer than the twelve bytes that a view holds itself';
  return new arrow.Table({
    id: arrow.vectorFromArray([1, 2, 3], new arrow.Int32()),
    view: arrow.vectorFromArray(['short', long, null], new arrow.Utf8View()),
    bytes: arrow.vectorFromArray([Uint8Array.of(0, 255), null, Uint8Array.of()], new arrow.BinaryView()),
    cat: arrow.vectorFromArray(['b', null, 'b'], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8())),
    u64: arrow.vectorFromArray([18_446_744_073_709_551_615n, 0n, null], new arrow.Uint64()),
    tim: units(new arrow.TimeMicrosecond(), [3_723_000_500n, null, 86_399_000_000n]),
    day: arrow.vectorFromArray(['0001-01-01', '9999-12-31', null].map(dateOf), new arrow.DateDay()),
    ns: units(new arrow.TimestampNanosecond(), [1_705_312_800_123_456_789n, null, -1n]),
  });
}

function dateOf(day: string | null): Date | null {
  return day === null ? null : new Date(`${day}T00:00:00Z`);
}

function arrowInfinity(): arrow.Table {
  return new arrow.Table({
    id: arrow.vectorFromArray([1, 2], new arrow.Int32()),
    at: units(new arrow.TimestampMicrosecond(), [9_223_372_036_854_775_807n, 0n]),
  });
}

await makeFiles();
