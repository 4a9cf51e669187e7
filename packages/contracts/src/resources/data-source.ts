import { type Static, Type } from 'typebox';
import { columnNameBytesMax, columnNamePattern, sourceIdPattern } from '../identifiers.ts';
import { columnCollations, columnTypeAliases, columnTypePattern, compressions } from '../source-schema.ts';
import {
  Conditions,
  Count,
  deletionPolicies,
  immutable,
  immutableOptional,
  ObservedGeneration,
  TenantRef,
  Timestamp,
  withRules,
} from './fields.ts';

/** Bounded by the cost of the rules below, which compare each column with each; wider tables are declared over REST. */
export const declaredColumnsMax = 200;

const ColumnNameField = Type.String({
  pattern: columnNamePattern,
  minLength: 1,
  maxLength: columnNameBytesMax,
  description:
    'name of a column: a text of at most 128 bytes of UTF-8 in normal form C, without control characters and not blank',
});

const stringTypes = [
  'string',
  ...Object.keys(columnTypeAliases).filter((name) => columnTypeAliases[name] === 'string'),
];

const DeclaredColumn = Type.Object(
  {
    name: ColumnNameField,
    type: Type.String({
      pattern: columnTypePattern,
      maxLength: 32,
      description: 'string, boolean, integer, bigint, double, date, timestamp, json, decimal(p,s), or an alias of one',
    }),
    // No default: one inside a list makes every client-side apply believe that the list has changed.
    nullable: Type.Optional(
      Type.Boolean({ description: 'whether a record may lack the value; true when it is not said' }),
    ),
    description: Type.Optional(Type.String({ maxLength: 1_024, description: 'what the column holds' })),
    collation: Type.Optional(
      Type.Enum([...columnCollations], {
        description: 'how texts of a string column are compared: binary (the default), nocase or nocase_noaccent',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'one column',
    ...withRules(
      {
        rule: "!self.type.matches('^decimal[(][0-9]{1,2},[0-9]{1,2}[)]$') || int(self.type.substring(8, self.type.indexOf(','))) >= int(self.type.substring(self.type.indexOf(',') + 1, self.type.size() - 1))",
        message: 'the scale of a decimal must not be greater than its precision',
      },
      {
        rule: `!has(self.collation) || self.type in [${stringTypes.map((name) => `'${name}'`).join(', ')}]`,
        message: 'only a string column has a collation',
      },
      { rule: 'self.type == oldSelf.type', message: 'the type of a column is immutable' },
      {
        rule: '!has(self.nullable) || self.nullable || (has(oldSelf.nullable) && !oldSelf.nullable)',
        message: 'a nullable column cannot become not nullable',
      },
    ),
  },
);

const DeclaredSchema = Type.Object(
  {
    columns: Type.Array(DeclaredColumn, {
      minItems: 1,
      maxItems: declaredColumnsMax,
      description: 'columns in order; columns may be added later, none may be taken away',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      ...withRules(
        {
          rule: 'self.all(c, self.exists_one(d, d.name.lowerAscii() == c.name.lowerAscii()))',
          message: 'column names must differ by more than case',
        },
        {
          rule: 'oldSelf.all(c, self.exists(d, d.name == c.name))',
          message: 'a column cannot be taken away',
        },
      ),
    }),
  },
  { additionalProperties: false, description: 'columns; without a schema, records are kept as JSON documents' },
);

function columnList(description: string, maxItems: number) {
  return Type.Array(ColumnNameField, { minItems: 1, maxItems, description, 'x-kubernetes-list-type': 'set' });
}

function columnsExist(field: string): { readonly rule: string; readonly message: string } {
  return {
    rule: `!has(self.${field}) || (has(self.schema) && self.${field}.all(n, self.schema.columns.exists(c, c.name == n)))`,
    message: `${field} must name columns of the schema`,
  };
}

export const DataSourceSpec = Type.Object(
  {
    tenantRef: TenantRef,
    sourceId: Type.String({
      pattern: sourceIdPattern,
      maxLength: 63,
      description: 'table name in SQL; unique within the tenant; cannot be changed',
      ...immutable('sourceId'),
    }),
    displayName: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'name for people' })),
    schema: Type.Optional(DeclaredSchema),
    partitionColumns: Type.Optional(columnList('columns by whose values files are split; cannot be changed', 8)),
    indexColumns: Type.Optional(
      columnList('columns by which the rows of a file are sorted, so that a search by value reads little of it', 16),
    ),
    primaryKey: Type.Optional(
      columnList('columns that identify a record, used for estimates: a repeated key is kept; cannot be changed', 8),
    ),
    compression: Type.Enum([...compressions], { default: 'snappy', description: 'codec of newly written files' }),
    maxFileSizeMB: Type.Integer({
      minimum: 1,
      maximum: 4_096,
      default: 256,
      description: 'size in MiB at which a new file is begun',
    }),
    walEnabled: Type.Boolean({
      default: true,
      description: 'false: writes are acknowledged from memory and lost with the node',
    }),
    schemaEvolution: Type.Enum(['Additive', 'Strict'], {
      default: 'Additive',
      description: 'Additive: columns may be added; Strict: the schema is fixed',
    }),
    deletionPolicy: Type.Enum([...deletionPolicies], {
      default: 'Retain',
      description: 'what happens to the table when the DataSource is deleted',
    }),
  },
  {
    additionalProperties: false,
    description: 'wanted state of the source',
    ...withRules(
      columnsExist('partitionColumns'),
      columnsExist('indexColumns'),
      columnsExist('primaryKey'),
      immutableOptional('partitionColumns'),
      immutableOptional('primaryKey'),
      {
        rule: 'has(self.schema) == has(oldSelf.schema)',
        message: 'a source cannot gain or lose its schema',
      },
      {
        rule: "self.schemaEvolution != 'Strict' || !has(self.schema) || !has(oldSelf.schema) || self.schema.columns.size() == oldSelf.schema.columns.size()",
        message: 'schemaEvolution is Strict: columns cannot be added',
      },
    ),
  },
);
export type DataSourceSpec = Static<typeof DataSourceSpec>;

export const DataSourceStatus = Type.Object(
  {
    observedGeneration: Type.Optional(ObservedGeneration),
    conditions: Type.Optional(Conditions),
    schemaVersion: Type.Optional(Count('counts changes of the schema')),
    tableVersion: Type.Optional(Count('newest version of the table log')),
    rows: Type.Optional(Count('committed rows')),
    bytes: Type.Optional(Count('bytes of the files')),
    files: Type.Optional(Count('files of the table')),
    unflushedRows: Type.Optional(Count('acknowledged rows that are not committed yet')),
    lastCommitTime: Type.Optional(Timestamp('newest commit')),
    lastCompactionTime: Type.Optional(Timestamp('newest compaction')),
  },
  { additionalProperties: false, description: 'observed state of the source' },
);
export type DataSourceStatus = Static<typeof DataSourceStatus>;
