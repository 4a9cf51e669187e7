import type { ArithmeticNode, FailedOperation } from '@hybridstore/contracts';
import { functionNamed, planErrors, planFunctions } from '@hybridstore/plan';
import type { Failure } from '../messages.ts';
import { interrupted } from './statement-failure.ts';

/**
 * DuckDB's kinds of errors (with `errors_as_json`) that only the statement or its data can cause, and what is said of them
 * where no reading below fits.
 */
const faultsOfTheStatement: Readonly<Record<string, string>> = {
  Binder: 'the parts of the statement do not fit together',
  Catalog: 'the statement names what the engine does not have',
  Constraint: 'a value breaks a constraint',
  Conversion: 'a value does not convert to the type that it is read as',
  Decimal: 'a decimal is out of range',
  Dependency: 'the statement cannot be run',
  'Divide by Zero': 'division by zero',
  Expression: 'an expression cannot be evaluated',
  'Invalid Input': 'a function was given a value that it does not take',
  'Invalid type': 'a value has a type that cannot stand there',
  'Mismatch Type': 'a value has a type that cannot stand there',
  'Not implemented': 'the engine cannot do this with values of these types',
  'Out of Range': 'a value is out of range',
  'Parameter Not Allowed': 'a parameter cannot stand there',
  'Parameter Not Resolved': 'the type of a parameter does not follow from the statement',
  Parser: 'the statement cannot be read',
  Sequence: 'the statement cannot be run',
  Syntax: 'the statement cannot be read',
  Value: 'a value is out of range',
};
/** After these no statement of the instance is answered any more. */
const faultsOfTheEngine = new Set(['INTERNAL', 'FATAL']);
const internalCharactersMax = 500;

/** Neither has a kind of its own. */
const spillIsFull = /failed to offload data block|max_temp_directory_size/;
const diskIsFull = /No space left on device|Disk quota exceeded/;

/**
 * Sorts what DuckDB threw by what the caller must do, and says it in words of ours. The engine's own are never shown:
 * they quote values, files and settings, and a text that is broken inside quotes memory. They are for the log alone.
 */
export function readEngineFailure(error: unknown, spillBytesMax?: number): Failure {
  const text = error instanceof Error ? error.message : String(error);
  const { kind, message } = parseEngineError(text);
  const internal = shorten(`${kind}: ${message}`);
  if (kind === 'Interrupt') return interrupted;
  if (kind === 'Out of Memory' && spillBytesMax !== undefined && spillIsFull.test(message))
    return {
      code: 'too_large',
      message: `the statement needs more than the ${spillBytesMax} bytes that a node may spill (storage.spill.size of the Tenant)`,
      details: { limit: 'spill', max: spillBytesMax },
      internal,
    };
  // Files of tables are only read: what the engine writes is what it spills.
  if (kind === 'IO' && diskIsFull.test(message))
    return { code: 'storage_full', message: 'the disk that statements spill to is full', details: {}, internal };
  if (kind === 'Out of Memory')
    return {
      code: 'too_large',
      message: 'the statement needs more memory than it is granted',
      details: { limit: 'memory' },
      internal,
    };
  // Whoever comes after the statement that broke the engine may be run again elsewhere.
  if (kind === 'FATAL') return { ...interrupted, internal, breaksEngine: true };
  const fault = Object.hasOwn(faultsOfTheStatement, kind) ? faultsOfTheStatement[kind] : undefined;
  if (fault === undefined)
    return {
      code: 'internal',
      message: 'internal error',
      details: {},
      internal,
      ...(faultsOfTheEngine.has(kind) ? { breaksEngine: true } : {}),
    };
  const said = readMessage(message);
  if (said !== undefined) return { code: 'invalid_request', message: said.message, details: detailsOf(said.failed) };
  const failed = kind === 'Divide by Zero' ? division : undefined;
  return { code: 'invalid_request', message: fault, details: detailsOf(failed), internal };
}

/** From which whoever has the text of the statement finds the place in it. */
function detailsOf(failed: FailedOperation | undefined): Failure['details'] {
  return failed === undefined ? {} : { failed };
}

function parseEngineError(text: string): { readonly kind: string; readonly message: string } {
  const start = text.indexOf('{');
  try {
    const parsed: Readonly<Record<string, unknown>> = JSON.parse(start < 0 ? '' : text.slice(start));
    return { kind: String(parsed['exception_type']), message: String(parsed['exception_message']) };
  } catch {
    // Some errors are raised before the setting applies, as `Kind Error: message`.
    const plain = /^([A-Za-z ]+?) (?:Error|exception): (.*)/s.exec(text);
    return { kind: plain?.[1] ?? '', message: plain?.[2] ?? text };
  }
}

/** First line only: what follows are candidates, system tables and traces of the stack. */
function shorten(message: string): string {
  const line = message.split('\n', 1)[0] ?? '';
  return line.length > internalCharactersMax ? `${line.slice(0, internalCharactersMax)}…` : line;
}

const typeNames = [
  'TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|UHUGEINT|U?INT(?:8|16|32|64|128)',
  'FLOAT|DOUBLE|BOOL|BOOLEAN|VARCHAR|BLOB|BIT|JSON|UUID|INTERVAL|DATE|TIME|"NULL"',
  'TIMESTAMP WITH TIME ZONE|TIMESTAMP_S|TIMESTAMP_MS|TIMESTAMP_NS|TIMESTAMP|INTEGER_LITERAL|STRING_LITERAL',
  String.raw`DECIMAL\(\d{1,2}(?:,\d{1,2})?\)`,
].join('|');
/** Without structs, the names of whose fields are values of somebody. */
const anyType = String.raw`(?:${typeNames})(?:\[\]){0,8}`;
const type = `(${anyType})`;
const types = `(${anyType}(?:, ${anyType}){0,20})`;
type Say = (...parts: readonly string[]) => string;
type Find = (...parts: readonly string[]) => FailedOperation | undefined;
const reading = (pattern: string, say: Say, find: Find = () => undefined) =>
  ({ pattern: new RegExp(`^${pattern}`, 's'), say, find }) as const;

const castTo = (engineType: string | undefined): FailedOperation => ({ kind: 'cast', type: declared(engineType) });
const called = (...functions: readonly string[]): FailedOperation => ({ kind: 'call', functions: [...functions] });
const division: FailedOperation = { kind: 'arithmetic', operators: ['divide', 'integer_divide', 'modulo'] };
const shift: FailedOperation = { kind: 'arithmetic', operators: ['shift_left'] };
const operatorsOf: Readonly<Record<string, readonly ArithmeticNode['operator'][]>> = {
  addition: ['add'],
  subtraction: ['subtract'],
  multiplication: ['multiply'],
  'multiplication of INTERVAL': ['multiply'],
  division: ['divide', 'integer_divide', 'modulo'],
  negation: ['negate'],
  'left shift': ['shift_left'],
};
const overflow = (what = ''): FailedOperation => ({ kind: 'arithmetic', operators: [...(operatorsOf[what] ?? [])] });
const namesLike = (form: RegExp) => planFunctions.map(({ name }) => name).filter((name) => form.test(name));
const patterns = called(...namesLike(/^regexp_|^similar_to$/));
const readers = called(...namesLike(/^(?:try_)?strptime$/));
const logarithms = called('ln', 'log', 'log2', 'log10');
const writers = called(...namesLike(/^strftime$/));

/** The engine's names of types that answers and sources call otherwise; the rest differ in case alone. */
const declaredNames: Readonly<Record<string, string>> = {
  '"NULL"': 'null',
  BOOL: 'boolean',
  INT8: 'tinyint',
  INT16: 'smallint',
  INT32: 'integer',
  INT64: 'bigint',
  INT128: 'hugeint',
  UINT8: 'utinyint',
  UINT16: 'usmallint',
  UINT32: 'uinteger',
  UINT64: 'ubigint',
  UINT128: 'uhugeint',
  INTEGER_LITERAL: 'integer',
  STRING_LITERAL: 'string',
  VARCHAR: 'string',
  'TIMESTAMP WITH TIME ZONE': 'timestamp',
  TIMESTAMP_S: 'timestamp',
  TIMESTAMP_MS: 'timestamp',
  TIMESTAMP_NS: 'timestamp',
};

function declared(engineType = ''): string {
  const base = engineType.replace(/(?:\[\])+$/, '');
  // Overflows name the width of a decimal alone, which is no name of a type.
  const name = declaredNames[base] ?? base.toLowerCase().replace(/\(\d+\)$/, '');
  return name + engineType.slice(base.length);
}

function declaredAll(engineTypes = ''): string {
  return engineTypes.split(', ').map(declared).join(', ');
}

/** What the engine's reader of regular expressions says, before it quotes. */
const regexFaults = [
  'missing \\)|missing \\]|unexpected \\)|trailing \\\\',
  'invalid (?:escape sequence|character class range|character class|repetition size|named capture group)',
  'no argument for repetition operator|bad repetition operator',
].join('|');

/** What may be taken over of the engine's words: types by their declared names, names of functions of the list, nothing of a value. */
const readings = [
  reading(
    `Could not convert string .* to ${type}(?: when casting from source column .*)?$`,
    (to) => `a text does not convert to ${declared(to)}`,
    castTo,
  ),
  reading(
    `Could not (?:cast value|convert string) .* to ${type}`,
    (to) => `a value does not fit ${declared(to)}`,
    castTo,
  ),
  reading(
    `Type ${type} with value .* can't be cast because the value is out of range for the destination type ${type}$`,
    (from, to) => `a value of type ${declared(from)} is out of range for ${declared(to)}`,
    (_, to) => castTo(to),
  ),
  reading(
    '(?:invalid )?(date|time|timestamp) field (?:format|value out of range)',
    (what) => `a text is no ${what}`,
    (what) => castTo(what?.toUpperCase()),
  ),
  reading(
    String.raw`Unimplemented type for cast \(${type} -> ${type}\)`,
    (from, to) => `${declared(from)} does not convert to ${declared(to)}`,
    (_, to) => castTo(to),
  ),
  reading(
    String.raw`Overflow in (addition|subtraction|multiplication|division|negation|left shift) of ${type} \(`,
    (what, of) => `overflow in ${what} of ${declared(of)}`,
    overflow,
  ),
  reading(
    `Overflow in ${type} (addition|subtraction|multiplication):`,
    (of, what) => `overflow in ${what} of ${declared(of)}`,
    (_, what) => overflow(what),
  ),
  reading(
    'Overflow in (division|multiplication of INTERVAL)',
    (what) => (what === 'division' ? 'overflow in division' : 'overflow in multiplication of interval'),
    overflow,
  ),
  reading(
    String.raw`Overflow on abs\(`,
    () => 'overflow in abs',
    () => called('abs'),
  ),
  reading(
    '(?:Left-shift value .* is out of range|Cannot left-shift)',
    () => 'a value is out of range for a shift',
    () => shift,
  ),
  reading(
    String.raw`No function matches the given name and argument types '([a-z_0-9]{1,40}|[^\w\s]{1,3})\(${types}\)'`,
    (name, given) => `${callable(name)} takes no arguments of the types ${declaredAll(given)}`,
    (name = '') => (functionNamed(name) ? called(name) : undefined),
  ),
  reading(
    `Cannot (compare|mix) values of type ${type} and (?:type )?${type}`,
    (verb, one, other) => `values of ${declared(one)} and ${declared(other)} do not ${verb}`,
  ),
  reading(
    'Malformed JSON',
    () => 'a text is no JSON',
    () => castTo('JSON'),
  ),
  reading('Failed to cast value to numerical', () => 'a JSON value is no number'),
  reading('JSON path error', () => 'a JSON path cannot be read'),
  reading(
    'Could not parse string .* according to format specifier',
    () => 'a text does not follow its format',
    () => readers,
  ),
  reading(
    'Failed to parse format specifier',
    () => 'the format of a date cannot be read',
    () => writers,
  ),
  reading('extract specifier .* not recognized', () => 'a part of a date is not known by that name'),
  reading('(Date|Time) out of range', (what) => `a ${what?.toLowerCase()} is out of range`),
  reading(
    String.raw`(?:Date and time not in timestamp range|Timestamp \w+ out of range|Could not convert Timestamp\()`,
    () => 'a timestamp is out of range',
  ),
  reading('Unknown TimeZone', () => 'a time zone is not known'),
  reading(
    `(${regexFaults})`,
    (what) => `a regular expression cannot be read: ${what}`,
    () => patterns,
  ),
  reading(
    'Unrecognized Regex option',
    () => 'a regular expression has an option that is not known',
    () => patterns,
  ),
  reading('Like pattern must not end with escape character', () => 'a LIKE pattern ends with its escape character'),
  reading('Invalid escape string', () => 'the escape of a LIKE pattern is longer than one character'),
  reading('Cannot create a string of size', () => 'a text would be too long'),
  reading(
    'More than one row returned by a subquery',
    () => 'a subquery that stands for a value gives more than one row',
    () => ({ kind: 'subquery' }),
  ),
  reading('Referenced column .* not found', () => 'a column does not exist where it is named'),
  reading(
    'column .* must appear in the GROUP BY clause',
    () => 'a column is neither grouped nor in an aggregate function',
  ),
  reading('Mismatch Function: Strings must be of equal length', () => 'texts that are compared differ in length'),
];
/** Sentences of the engine that hold nothing but themselves. */
const sentences: ReadonlyMap<string, FailedOperation | undefined> = new Map<string, FailedOperation | undefined>([
  ...Object.values(planErrors).map((message) => [message, { kind: 'error', message }] as const),
  ['cannot take square root of a negative number', called('sqrt')],
  ['cannot take logarithm of zero', logarithms],
  ['cannot take logarithm of a negative number', logarithms],
  ['aggregate function calls cannot be nested', undefined],
  ['In a DISTINCT aggregate, ORDER BY expressions must appear in the argument list', undefined],
  ['Argument for ntile must be greater than zero', called('ntile')],
  ['LIMIT/OFFSET cannot be negative', undefined],
  ['Set operations can only apply to expressions with the same number of result columns', undefined],
  ['Map keys must be unique.', undefined],
  ['Map keys can not be NULL.', undefined],
  ['Period must be greater than 0', undefined],
]);

const operators: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>', '||']);

/** Operators and functions of plans; what the printer made of others (`!~~`, `like_escape`) is nobody's word. */
function callable(name = ''): string {
  return operators.has(name) || functionNamed(name) ? name : 'a function';
}

type Said = { readonly message: string; readonly failed: FailedOperation | undefined };

function readMessage(text: string): Said | undefined {
  const line = text.split('\n', 1)[0] ?? '';
  if (sentences.has(line)) return { message: line, failed: sentences.get(line) };
  for (const { pattern, say, find } of readings) {
    const parts = pattern.exec(line)?.slice(1);
    if (parts) return { message: say(...parts), failed: find(...parts) };
  }
  return undefined;
}
