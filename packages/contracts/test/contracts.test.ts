import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  bodyBytesMaxOf,
  columnNamePattern,
  columnTypeAliases,
  columnTypeName,
  columnTypePattern,
  type Endpoint,
  endpoints,
  findColumnNameProblem,
  foldColumnName,
  isConsistency,
  parseColumnType,
  readStaleMsMax,
  services,
  staleMsBound,
} from '../src/index.ts';

const all = Object.entries(endpoints).flatMap(([service, table]) =>
  Object.values(table).map((endpoint) => ({ service, endpoint: endpoint as Endpoint })),
);

describe('column types', () => {
  it('parse to what their names print, for every type and alias', () => {
    for (const [alias, type] of Object.entries(columnTypeAliases))
      assert.deepEqual(parseColumnType(alias), { kind: type });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 38 }), fc.integer({ min: 0, max: 38 }), (precision, scale) => {
        const type = parseColumnType(`decimal(${precision},${scale})`);
        assert.deepEqual(type, scale <= precision ? { kind: 'decimal', precision, scale } : undefined);
        if (type) assert.equal(columnTypeName(type), `decimal(${precision},${scale})`);
      }),
    );
  });

  it('are what the pattern of the schema lets through, and nothing else', () => {
    const pattern = new RegExp(columnTypePattern);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.constantFrom(
            ...Object.keys(columnTypeAliases),
            'string',
            'decimal(0,0)',
            'decimal(39,1)',
            'decimal(10, 2)',
            'constructor',
            '__proto__',
          ),
        ),
        (name) => {
          if (parseColumnType(name)) assert.match(name, pattern);
          if (!pattern.test(name)) assert.equal(parseColumnType(name), undefined);
        },
      ),
    );
  });
});

describe('the consistency of a reader', () => {
  it('is bounded by every number of milliseconds up to an hour, as digits write it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: -10, max: 2 * staleMsBound }), fc.double()), (ms) => {
        const text = `bounded(${ms})`;
        const isAllowed = Number.isInteger(ms) && ms >= 1 && ms <= staleMsBound;
        assert.equal(isConsistency(text), isAllowed, text);
        if (isConsistency(text)) assert.equal(readStaleMsMax(text), ms);
      }),
    );
    for (const ms of [1, 999_999, 1_000_000, 2_999_999, 3_000_000, 3_599_999, staleMsBound])
      assert.equal(isConsistency(`bounded(${ms})`), true, String(ms));
    for (const level of ['strict', 'committed'] as const) assert.equal(readStaleMsMax(level), undefined);
  });

  it('has no blanks, signs, leading zeros or anything around it', () => {
    for (const level of ['strict', 'committed']) assert.equal(isConsistency(level), true);
    for (const text of [
      ...['', 'bounded', 'bounded()', 'bounded( 5)', 'bounded(5 )', 'bounded (5)', ' bounded(5)', 'bounded(5)\n'],
      ...['bounded(0)', 'bounded(05)', 'bounded(+5)', 'bounded(-5)', 'bounded(1.5)', 'bounded(5e3)', 'bounded(٣)'],
      ...['bounded(3600001)', 'bounded(10000000)', 'Bounded(5)', 'strict,bounded(5)', 'eventual', 'strictly'],
    ])
      assert.equal(isConsistency(text), false, text);
  });
});

describe('names of columns', () => {
  it('are any text that a file may have as a header', () => {
    for (const name of [
      'a',
      'Unit Price (€)',
      'a.b',
      '[x]',
      '"',
      '`',
      "'",
      'größe',
      '1',
      '日本',
      ' a',
      'a ',
      'select',
      '*',
    ])
      assert.equal(findColumnNameProblem(name), undefined, name);
    for (const name of ['x'.repeat(128), 'é'.repeat(64), '\u{10ffff}'.repeat(32), 'a\u200db', 'a\u00a0b'])
      assert.equal(findColumnNameProblem(name), undefined, name);
  });

  it('but for what nobody could see, type or keep apart', () => {
    const refused = {
      'a name that is not blank': ['', ' ', '\u00a0', '\t'],
      'at most 128 bytes of UTF-8': ['x'.repeat(129), 'é'.repeat(65), '\u{10ffff}'.repeat(33)],
      'a name without lone UTF-16 surrogates': ['a\ud800', '\udc00a'],
      'a name without control characters, line breaks and byte order marks': [
        ...['a\u0000', 'a\tb', 'a\n', '\u007f', 'a\u0085b', 'a\u2028b', '\ufeffid'],
      ],
      'a name in Unicode normal form C': ['e\u0301', '\u212b', '\u2126'],
      'another name': ['__proto__'],
    };
    for (const [expected, names] of Object.entries(refused))
      for (const name of names) assert.equal(findColumnNameProblem(name), expected, JSON.stringify(name));
  });

  it('and the pattern of the resource refuses none that may be', () => {
    const pattern = new RegExp(columnNamePattern);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        if (findColumnNameProblem(name) === undefined) assert.match(name, pattern);
      }),
    );
    for (const name of ['', 'a\n', 'a\u0085']) assert.doesNotMatch(name, pattern);
  });

  it('are the same when any reader folds them into one', () => {
    for (const [one, other] of [
      ['name', 'NAME'],
      ['é', 'É'],
      ['Straße', 'STRASSE'],
      ['ẞ', 'ß'],
      ['ΟΔΟΣ', 'οδοσ'],
      ['ı', 'I'],
      ['ﬁ', 'FI'],
    ] as const)
      assert.equal(foldColumnName(one), foldColumnName(other), `${one} ${other}`);
    for (const [one, other] of [
      ['e', 'é'],
      ['a', 'a '],
      ['a b', 'a_b'],
      ['Strase', 'Straße'],
    ] as const)
      assert.notEqual(foldColumnName(one), foldColumnName(other), `${one} ${other}`);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const fold = foldColumnName(name);
        for (const other of [name.toLowerCase(), name.toUpperCase(), fold]) assert.equal(foldColumnName(other), fold);
      }),
    );
  });
});

/** Every schema below one, itself included. */
function* schemasIn(node: unknown): Generator<Record<string, unknown>> {
  if (typeof node !== 'object' || node === null) return;
  if (!Array.isArray(node)) yield node as Record<string, unknown>;
  for (const value of Object.values(node)) yield* schemasIn(value);
}

describe('endpoints', () => {
  it('give one meaning to each name of a schema, and every answer in JSON a schema', () => {
    const meanings = new Map<string, unknown>();
    for (const { endpoint } of all)
      for (const schema of schemasIn([endpoint.params, endpoint.query, endpoint.body, endpoint.response])) {
        const name = schema['$id'];
        if (typeof name !== 'string') continue;
        assert.deepEqual(schema, meanings.get(name) ?? schema, name);
        meanings.set(name, schema);
      }
    assert.ok(meanings.size > 50, `only ${meanings.size} names`);
    const silent = all.filter(({ endpoint }) => !endpoint.response && !endpoint.produces);
    assert.deepEqual(silent, []);
  });

  it('have one place each: no two share method and path within a service', () => {
    const places = all.map(({ service, endpoint }) => `${service} ${endpoint.method} ${endpoint.path}`);
    assert.deepEqual(
      places.filter((place, index) => places.indexOf(place) !== index),
      [],
    );
  });

  it('reached through the gateway have paths that no other service has', () => {
    const places = all
      .filter(({ endpoint }) => endpoint.viaGateway)
      .map(({ endpoint }) => `${endpoint.method} ${endpoint.path}`);
    assert.deepEqual(
      places.filter((place, index) => places.indexOf(place) !== index),
      [],
    );
  });

  it('under /internal are never reached through the gateway', () => {
    assert.deepEqual(
      all.filter(({ endpoint }) => endpoint.path.startsWith('/internal') && endpoint.viaGateway),
      [],
    );
  });

  it('name every parameter of their path in their schema', () => {
    for (const { endpoint } of all) {
      const names = [...endpoint.path.matchAll(/:([a-z_]+)/g)].map((match) => match[1]);
      const properties = Object.keys((endpoint.params as { properties?: object } | undefined)?.properties ?? {});
      assert.deepEqual(names, properties, endpoint.path);
    }
  });

  it('belong to services that exist, and refuse unknown fields', () => {
    for (const { service, endpoint } of all) {
      assert.ok(Object.hasOwn(services, service));
      const body = endpoint.body as { type?: string; additionalProperties?: unknown } | undefined;
      if (body?.type === 'object') assert.equal(body.additionalProperties, false, endpoint.path);
    }
  });
});

describe('the bound of a body', () => {
  const mebibyte = 1024 * 1024;
  const boundsOf = (wanted: (endpoint: Endpoint) => boolean) =>
    new Set(
      Object.values(endpoints)
        .flatMap((table) => Object.values(table))
        .filter((endpoint) => endpoint.body && wanted(endpoint))
        .map(bodyBytesMaxOf),
    );

  it('is 16 KiB where anybody may send one', () => {
    assert.deepEqual(
      boundsOf(({ access }) => access.kind === 'public'),
      new Set([16 * 1024]),
    );
  });

  it('follows what the body carries', () => {
    assert.deepEqual(
      boundsOf(({ path }) => path.startsWith('/auth/')),
      new Set([16 * 1024]),
    );
    assert.deepEqual(
      boundsOf(({ path }) => path.endsWith('/sql') || path.endsWith('/dsl') || path.startsWith('/data/search')),
      new Set([mebibyte]),
    );
    assert.deepEqual(
      boundsOf(({ path }) => path === '/internal/execute'),
      new Set([4 * mebibyte]),
    );
    assert.deepEqual(
      boundsOf(({ service }) => service === 'cbo-engine'),
      new Set([4 * mebibyte, 64 * 1024]),
    );
    assert.deepEqual(
      boundsOf(({ path }) => path === '/data/write'),
      new Set([32 * mebibyte]),
    );
  });
});
