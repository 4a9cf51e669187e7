/** A file of the corpus, and what becomes of it in a source. */
export type FileCase = {
  readonly file: string;
  readonly what: string;
  readonly flags?: readonly string[];
  /** Types of the source's columns; `inferred` for `--create`, absent for a source of documents. */
  readonly columns?: Readonly<Record<string, string>> | 'inferred';
  /** Fields of the rows by their id, as JSON; columns that are null may be left out. */
  readonly rows: readonly string[];
  /** What standard error says, line by line without the path; absent: nothing, and the load is a success. */
  readonly says?: readonly string[];
  readonly code?: number;
};

const rejected = (count: number) =>
  `error: ${count} ${count === 1 ? 'row was' : 'rows were'} rejected; correct and load what was left out by itself`;
const name = { id: 'bigint', name: 'string' };

export const fileCases: readonly FileCase[] = [
  {
    file: 'digits.ndjson',
    what: 'every digit of numbers in documents',
    rows: [
      '{"id":-18014398509481985,"at":0.1234567890123456789}',
      '{"id":9007199254740993,"at":[12345678901234567.89,{"n":123456789012345678}]}',
    ],
  },
  {
    file: 'digits.json',
    what: 'every digit of numbers in columns',
    columns: { id: 'bigint', price: 'decimal(38,2)' },
    rows: ['{"id":"9007199254740993","price":"12345678901234567.89"}', '{"id":"123456789012345678","price":"0.01"}'],
  },
  {
    file: 'separators.ndjson',
    what: 'line separators that are text',
    rows: [JSON.stringify({ id: 1, t: 'a\u2028b\u2029c\u0085d' }), '{"id":2,"t":"e"}'],
  },
  {
    file: 'repeated-key.ndjson',
    what: 'a key that stands twice',
    rows: ['{"id":2,"a":3}'],
    says: ['line 1: rejected: not valid JSON (the key "a" stands twice in one object)', rejected(1)],
    code: 1,
  },
  {
    file: 'features.geojson',
    what: 'features, and what stands beside them',
    rows: ['{"id":1,"properties":{"n":9007199254740993}}'],
    says: ['a row a feature; what stands beside them is left out: crs'],
  },
  { file: 'no-rows.json', what: 'no rows', rows: [], says: ['expected rows, found none in 3 bytes'], code: 1 },
  {
    file: 'header-only.csv',
    what: 'a header alone',
    rows: [],
    says: ['expected rows, found none in 8 bytes'],
    code: 1,
  },
  {
    file: 'mixed-line-ends.csv',
    what: 'three kinds of line ends in one file',
    columns: name,
    rows: [...['{"id":1,"name":"a"}', '{"id":2,"name":"b\\r\\nc"}'], ...['{"id":3,"name":"d"}', '{"id":4,"name":"e"}']],
  },
  {
    file: 'blanks.csv',
    what: 'blank and no-break-space cells',
    columns: { id: 'bigint', d: 'double', n: 'bigint', t: 'timestamp', s: 'string' },
    rows: ['{"id":1,"s":""}', JSON.stringify({ id: 2, s: '\u00a0' })],
    says: ['line 4: rejected: n: expected an integer of 64 bits, got "1.5"', rejected(1)],
    code: 1,
  },
  {
    file: 'no-numbers.csv',
    what: 'texts that only a program takes for numbers',
    columns: { id: 'bigint', d: 'double', n: 'bigint' },
    rows: ['{"id":4,"d":100.0,"n":7}'],
    says: [
      'line 2: rejected: d: expected a number, or "NaN", "Infinity" or "-Infinity", got "0x1F"',
      'line 3: rejected: d: expected a number, or "NaN", "Infinity" or "-Infinity", got "1_000"',
      'line 4: rejected: n: expected an integer of 64 bits, got "0x1F"',
      'line 6: rejected: d: expected a number, or "NaN", "Infinity" or "-Infinity", got "1e999"',
      rejected(4),
    ],
    code: 1,
  },
  {
    file: 'stray-quote.csv',
    what: 'stray quotes',
    columns: name,
    rows: ['{"id":1,"name":"a"}', '{"id":3,"name":"b"}', '{"id":5,"name":"c"}'],
    says: [
      'line 3: rejected: column 4: expected " around the whole value or not at all',
      'line 5: rejected: column 6: expected a delimiter behind the closing ", found y',
      rejected(2),
    ],
    code: 1,
  },
  {
    file: 'unclosed-quote.csv',
    what: 'a quote that is never closed',
    columns: name,
    rows: ['{"id":2,"name":"b"}', '{"id":3,"name":"c"}', '{"id":4,"name":"d"}'],
    says: [
      'line 2: rejected: column 3: expected the quote that opens here to be closed, found none that does',
      rejected(1),
    ],
    code: 1,
  },
  {
    file: 'ragged.csv',
    what: 'lines of other widths',
    columns: name,
    rows: ['{"id":2,"name":"b"}'],
    says: [
      'line 2: rejected: expected 2 values as in the header, found 1',
      'line 4: rejected: expected 2 values as in the header, found 3',
      rejected(2),
    ],
    code: 1,
  },
  {
    file: 'semicolons.csv',
    what: 'semicolons, decimal commas and dates as they are written',
    flags: ['--decimal-comma', '--timestamp-format', '%d.%m.%Y %H:%M'],
    columns: { id: 'bigint', price: 'decimal(10,2)', at: 'timestamp' },
    rows: [
      '{"id":1,"price":"1234.50","at":"2024-01-15T10:30:00.000Z"}',
      '{"id":2,"price":"-0.50","at":"2024-02-01T00:00:00.000Z"}',
    ],
    says: [
      'columns are separated by semicolons (--delimiter names another)',
      'line 4: rejected: price: expected a number with a decimal comma, got "1.5"',
      'line 5: rejected: at: expected a text in the form of --timestamp-format, got "2024-03-01"',
      rejected(2),
    ],
    code: 1,
  },
  {
    file: 'tabs.tsv',
    what: 'tabs by the ending',
    columns: name,
    rows: ['{"id":1,"name":"a,b"}', '{"id":2,"name":"c\\td"}'],
  },
  {
    file: 'tabs-in.csv',
    what: 'tabs in the header',
    columns: name,
    rows: ['{"id":1,"name":"a;b"}'],
    says: ['columns are separated by tabs (--delimiter names another)'],
  },
  {
    file: 'other-marks.csv',
    what: 'another delimiter and another quote',
    flags: ['--delimiter', '|', '--quote', "'"],
    columns: name,
    rows: ['{"id":1,"name":"a|b"}', '{"id":2,"name":"\\"c"}', '{"id":3,"name":"it\'s"}'],
  },
  {
    file: 'nulls.csv',
    what: 'words for null',
    flags: ['--null', 'NA', '--null', '\\N', '--null', '-'],
    columns: { ...name, n: 'double' },
    rows: ['{"id":1}', '{"id":2}', '{"id":3,"name":"null","n":7.0}'],
  },
  {
    file: 'latin1.csv',
    what: 'bytes that are not UTF-8',
    columns: name,
    rows: [],
    says: ['line 3, byte 6: expected utf-8, found 0xE9; --encoding names another encoding'],
    code: 1,
  },
  {
    file: 'latin1.csv',
    what: 'latin1',
    flags: ['--encoding', 'latin1'],
    columns: name,
    rows: ['{"id":1,"name":"Ann"}', '{"id":2,"name":"José"}'],
  },
  {
    file: 'windows-1252.csv',
    what: 'windows-1252',
    flags: ['--encoding', 'windows-1252'],
    columns: name,
    rows: ['{"id":1,"name":"€“é”"}'],
  },
  ...(['utf-16le', 'utf-16be'] as const).flatMap((encoding): FileCase[] => {
    const rows = ['{"id":1,"name":"José €"}', '{"id":2,"name":"🙂"}'];
    const says = [`read as ${encoding}, as its byte order mark says (--encoding names another)`];
    return [
      { file: `${encoding}.csv`, what: `${encoding} by its mark`, columns: name, rows, says },
      { file: `${encoding}.csv`, what: `${encoding} as said`, flags: ['--encoding', 'utf-16'], columns: name, rows },
    ];
  }),
  {
    file: 'epoch.csv',
    what: 'seconds since 1970',
    flags: ['--epoch', 's'],
    columns: { id: 'bigint', s: 'timestamp' },
    rows: ['{"id":1,"s":"2024-01-15T10:00:00.000Z"}', '{"id":2,"s":"1969-12-31T23:59:59.000Z"}', '{"id":3}'],
    says: [
      'line 5: rejected: s: expected a time in ISO 8601 with at most microseconds, such as 2024-05-01T12:30:00.5Z, got "soon"',
      rejected(1),
    ],
    code: 1,
  },
  ...(['nanoseconds.csv', 'nanoseconds.parquet'] as const).map(
    (file): FileCase => ({
      file,
      what: 'nanoseconds, cut with one word',
      columns: { id: 'bigint', at: 'timestamp' },
      rows: [
        '{"id":1,"at":"2024-01-15T10:00:00.123456Z"}',
        `{"id":2,"at":"${file.endsWith('csv') ? '2024-01-15T10:00:00.123456Z' : '1969-12-31T23:59:59.999999Z'}"}`,
      ],
      says: [
        `${file.endsWith('csv') ? '1 timestamp' : '2 timestamps'} cut to microseconds (--nanoseconds refuse rejects such rows)`,
      ],
    }),
  ),
  {
    file: 'nanoseconds.csv',
    what: 'nanoseconds, refused',
    flags: ['--nanoseconds', 'refuse'],
    columns: { id: 'bigint', at: 'timestamp' },
    rows: ['{"id":2,"at":"2024-01-15T10:00:00.123456Z"}'],
    says: [
      'line 2: rejected: at: expected a time in ISO 8601 with at most microseconds, such as 2024-05-01T12:30:00.5Z, got "2024-01-15T10:00:00.123456789Z"',
      rejected(1),
    ],
    code: 1,
  },
  ...(['packed.csv.gz', 'packed.csv.zst'] as const).map(
    (file): FileCase => ({
      file,
      what: 'packed',
      columns: name,
      rows: ['{"id":1,"name":"Ann"}', '{"id":2,"name":"Bob"}'],
    }),
  ),
  {
    file: 'cut.csv.gz',
    what: 'a packing that is cut off',
    columns: name,
    rows: [],
    says: ['expected gzip to its end, found it cut off or damaged (unexpected end of file)'],
    code: 1,
  },
  {
    file: 'trips.csv',
    what: 'columns for the first rows',
    flags: ['--create'],
    columns: 'inferred',
    rows: [
      '{"id":1,"code":"007","fare":1.5,"exact":"12345678901234567.89","on_time":true,"day":"2024-01-15","at":"2024-01-15T10:00:00.000Z","note":"x"}',
      '{"id":2,"code":"010","exact":"0.01","on_time":false,"day":"2024-01-16","at":"2024-01-16T11:30:00.000Z","note":""}',
    ],
  },
  {
    file: 'headers.csv',
    what: 'names of columns as the file has them',
    flags: ['--create'],
    columns: 'inferred',
    rows: [
      '{"id":1,"Unit Price (€)":1.5,"a.b":"x","say \\"hi\\", [x]":"y"," lead":"z","2019":7,"gr\u00f6\u00dfe":"m","`c`;d=e/f":"n","select":"o"}',
      '{"id":2,"Unit Price (€)":-2.0,"a.b":""," lead":"","say \\"hi\\", [x]":"","gr\u00f6\u00dfe":"","`c`;d=e/f":"","select":""}',
    ],
    says: ['1 column of another Unicode spelling loaded under the name in normal form C'],
  },
  {
    file: 'headers.csv',
    what: 'the same names in a document, where they stay as they are',
    rows: [
      '{"id":"1","Unit Price (€)":"1.5","a.b":"x","say \\"hi\\", [x]":"y"," lead":"z","2019":"7","gro\u0308\u00dfe":"m","`c`;d=e/f":"n","select":"o"}',
      '{"id":"2","Unit Price (€)":"-2","a.b":""," lead":"","2019":"","say \\"hi\\", [x]":"","gro\u0308\u00dfe":"","`c`;d=e/f":"","select":""}',
    ],
  },
  {
    file: 'types.parquet',
    what: 'every type of Parquet in a document',
    rows: [
      '{"id":1,"bin":"AP8=","tim":"01:02:03.0005","dec":"12345678901234567.89","u64":18446744073709551615,"day":"0001-01-01","at":"0001-01-01T00:00:00Z","uu":"00112233-4455-6677-8899-aabbccddeeff","cat":"a","doc":{"d":"12345678901234567.89","l":[{"x":"1.10"},null],"t":"23:59:59","b":"AQ==","m":{"k":"0.5"},"u":18446744073709551615,"w":"2024-01-15T10:00:00.123456789Z"},"js":{"n":9007199254740993}}',
      '{"id":2,"bin":null,"tim":null,"dec":null,"u64":null,"day":"9999-12-31","at":"9999-12-31T23:59:59.999999Z","uu":null,"cat":null,"doc":null,"js":null}',
    ],
  },
  {
    file: 'types.parquet',
    what: 'every type of Parquet in columns',
    columns: {
      ...{ id: 'integer', bin: 'string', tim: 'string', dec: 'decimal(38,2)', u64: 'decimal(20,0)', day: 'date' },
      ...{ at: 'timestamp', uu: 'string', cat: 'string', doc: 'json', js: 'json' },
    },
    rows: [
      '{"id":1,"bin":"AP8=","tim":"01:02:03.0005","dec":"12345678901234567.89","u64":"18446744073709551615","day":"0001-01-01","at":"0001-01-01T00:00:00.000Z","uu":"00112233-4455-6677-8899-aabbccddeeff","cat":"a","doc":{"d":"12345678901234567.89","l":[{"x":"1.10"},null],"t":"23:59:59","b":"AQ==","m":{"k":"0.5"},"u":18446744073709551615,"w":"2024-01-15T10:00:00.123456789Z"},"js":{"n":9007199254740993}}',
      '{"id":2,"day":"9999-12-31","at":"9999-12-31T23:59:59.999999Z"}',
    ],
  },
  {
    file: 'types.parquet',
    what: 'columns that the file declares',
    flags: ['--create'],
    columns: 'inferred',
    rows: [
      '{"id":1,"bin":"AP8=","tim":"01:02:03.0005","dec":"12345678901234567.89","u64":"18446744073709551615","day":"0001-01-01","at":"0001-01-01T00:00:00.000Z","uu":"00112233-4455-6677-8899-aabbccddeeff","cat":"a","doc":{"d":"12345678901234567.89","l":[{"x":"1.10"},null],"t":"23:59:59","b":"AQ==","m":{"k":"0.5"},"u":18446744073709551615,"w":"2024-01-15T10:00:00.123456789Z"},"js":{"n":9007199254740993}}',
      '{"id":2,"day":"9999-12-31","at":"9999-12-31T23:59:59.999999Z"}',
    ],
  },
  {
    file: 'types.arrow',
    what: 'columns that an Arrow file declares',
    flags: ['--create'],
    columns: 'inferred',
    rows: [
      '{"id":1,"view":"short","bytes":"AP8=","cat":"b","u64":"18446744073709551615","tim":"01:02:03.0005","day":"0001-01-01","ns":"2024-01-15T10:00:00.123456Z"}',
      '{"id":2,"view":"longer than the twelve bytes that a view holds itself","u64":"0","day":"9999-12-31"}',
      '{"id":3,"bytes":"","cat":"b","tim":"23:59:59","ns":"1969-12-31T23:59:59.999999Z"}',
    ],
    says: ['2 timestamps cut to microseconds (--nanoseconds refuse rejects such rows)'],
  },
  {
    file: 'nested.parquet',
    what: 'maps, lists and structs in one another, and the end of a day',
    rows: [
      '{"id":1,"m":{"k":{"j":["1.5"]}},"l":[{"x":null}],"n":[[null,[]],null],"s":{"a":{"b":null}},"z":null,"lm":[{"m":{"q":"0001-01-01"}},null],"end":"24:00:00"}',
    ],
  },
  ...(['int96.parquet', 'int96.parquet.gz'] as const).map(
    (file): FileCase => ({
      file,
      what: 'times of INT96',
      columns: { id: 'integer', at: 'timestamp' },
      rows: ['{"id":1,"at":"2024-01-15T10:00:00.123456Z"}', '{"id":2}', '{"id":3,"at":"1969-12-31T23:59:59.999999Z"}'],
    }),
  ),
  {
    file: 'infinity.parquet',
    what: 'dates and times without end',
    rows: ['{"id":3,"day":"2024-01-01","at":"2024-01-01T00:00:00Z"}'],
    says: [
      'row 1: rejected: day: expected a date of the years 0001 to 9999, found infinity',
      'row 2: rejected: at: expected a timestamp of the years 0001 to 9999, found -infinity',
      rejected(2),
    ],
    code: 1,
  },
  {
    file: 'interval.parquet',
    what: 'a type without a form',
    rows: [],
    says: ['column run.took: expected a type that JSON has a form for, found INTERVAL'],
    code: 1,
  },
  {
    file: 'types.arrow',
    what: 'views, dictionaries, times and unsigned integers of Arrow',
    columns: {
      ...{ id: 'integer', view: 'string', bytes: 'string', cat: 'string', u64: 'decimal(20,0)', tim: 'string' },
      ...{ day: 'date', ns: 'timestamp' },
    },
    rows: [
      '{"id":1,"view":"short","bytes":"AP8=","cat":"b","u64":"18446744073709551615","tim":"01:02:03.0005","day":"0001-01-01","ns":"2024-01-15T10:00:00.123456Z"}',
      '{"id":2,"view":"longer than the twelve bytes that a view holds itself","u64":"0","day":"9999-12-31"}',
      '{"id":3,"bytes":"","cat":"b","tim":"23:59:59","ns":"1969-12-31T23:59:59.999999Z"}',
    ],
    says: ['2 timestamps cut to microseconds (--nanoseconds refuse rejects such rows)'],
  },
  ...(['bad-text.parquet', 'bad-text.arrow'] as const).map(
    (file): FileCase => ({
      file,
      what: 'text that is not UTF-8',
      columns: { id: 'integer', t: 'string' },
      rows: ['{"id":2,"t":"é"}'],
      says: ['row 1: rejected: t: expected text in UTF-8, found other bytes', rejected(1)],
      code: 1,
    }),
  ),
  ...(['negative-zero.csv', 'negative-zero.ndjson'] as const).map(
    (file): FileCase => ({
      file,
      what: 'the sign of zero',
      columns: { id: 'integer', d: 'double' },
      rows: ['{"id":1,"d":-0.0}', '{"id":2,"d":-0.0}', '{"id":3,"d":0.0}'],
    }),
  ),
  {
    file: 'infinity.arrow',
    what: 'times of Arrow without end',
    rows: ['{"id":2,"at":"1970-01-01T00:00:00Z"}'],
    says: ['row 1: rejected: at: expected a timestamp of the years 0001 to 9999, found infinity', rejected(1)],
    code: 1,
  },
  {
    file: 'duration.arrows',
    what: 'a type of Arrow without a form',
    rows: [],
    says: ['column took: expected a type that JSON has a form for, found Duration<SECOND>'],
    code: 1,
  },
];
