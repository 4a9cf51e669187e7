import type { Dialect } from '@hybridstore/contracts';
import type { Fields } from '../syntax/syntax-tree.ts';
import { type Family, familyOf, isDecimal, isFloating } from './types.ts';

/** Two kinds of values, in the order of `shownOrder`. */
type Pair = 'time text' | 'time number' | 'time condition' | 'text number' | 'text condition' | 'number condition';
/** What is done with values of several kinds. */
type Meeting = 'compared' | 'comparedWithQuery' | 'oneResult' | 'oneColumn';
type Rules = Readonly<Record<Meeting, readonly Pair[]>>;

const everyPair: readonly Pair[] = [
  'time text',
  'time number',
  'time condition',
  'text number',
  'text condition',
  'number condition',
];
const timesAndOthers: readonly Pair[] = ['time number', 'time condition'];

/**
 * Kinds that do not go together, so that a statement is refused at its place instead of failing at some row:
 *
 *     compared            a = b, BETWEEN, IN (a, b)     PostgreSQL has no such operators; MySQL reads any text as some number
 *     comparedWithQuery   a IN (SELECT b), a = ANY      the engine converts neither side
 *     oneResult           COALESCE(a, b), CASE          in MySQL texts, where one of them is
 *     oneColumn           SELECT a UNION SELECT b       texts but in PostgreSQL, where one of them is
 */
const refused: Readonly<Record<Dialect, Rules>> = {
  mysql: {
    compared: [...timesAndOthers, 'text condition'],
    comparedWithQuery: [...timesAndOthers, 'text condition'],
    oneResult: timesAndOthers,
    oneColumn: [...timesAndOthers, 'text condition'],
  },
  postgresql: { compared: everyPair, comparedWithQuery: everyPair, oneResult: everyPair, oneColumn: everyPair },
  duckdb: {
    compared: timesAndOthers,
    comparedWithQuery: [...timesAndOthers, 'text number', 'text condition'],
    oneResult: [...timesAndOthers, 'time text', 'text number', 'text condition'],
    oneColumn: timesAndOthers,
  },
};

const shownOrder: readonly Family[] = ['time', 'text', 'number', 'condition'];
const shownFamilies: Readonly<Record<Family, string>> = {
  time: 'a date',
  text: 'a text',
  number: 'a number',
  condition: 'a condition',
};

/** Refuses types that do not go together, by their kinds. */
export function requireAlike(
  types: readonly string[],
  { fields, dialect, meeting }: { readonly fields: Fields; readonly dialect: Dialect; readonly meeting: Meeting },
): void {
  const pair = findUnlike(types, dialect, meeting);
  if (!pair) return;
  const [first, second] = pair.map((family) => shownFamilies[family]);
  const isCompared = meeting === 'compared' || meeting === 'comparedWithQuery';
  const what = isCompared ? `${first} is compared with ${second}` : `${first} and ${second} make one column`;
  throw fields.refuse(`${what}; cast one of them`, { expected: 'two values of one type' });
}

function findUnlike(types: readonly string[], dialect: Dialect, meeting: Meeting): readonly Family[] | undefined {
  const families = new Set(types.map(familyOf));
  const found = shownOrder.filter((family) => families.has(family));
  const pairs = found.flatMap((first, index) => found.slice(index + 1).map((second) => [first, second] as const));
  const isRefused = new Set<string>(refused[dialect][meeting]);
  // The engine takes whole numbers for conditions, and no others.
  const hasFraction = types.some((type) => isDecimal(type) || isFloating(type));
  if (dialect === 'duckdb' && meeting !== 'compared' && hasFraction) isRefused.add('number condition');
  return pairs.find((pair) => isRefused.has(pair.join(' ')));
}
