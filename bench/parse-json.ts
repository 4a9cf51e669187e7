import { parseJson } from '@hybridstore/http';
import { hostileTexts } from './hostile-texts.ts';
import { buildReport, type Goal, type Report } from './report.ts';

/** What the main loop parses by itself; a longer body is read by a thread. */
const textBytes = 240 * 1_024;
const runs = 40;
const ratioMax = 2;

/** Numbers of scientific data and of identifiers, which differ from each other. */
const numberTexts: Readonly<Record<string, (bytes: number) => string>> = {
  doubles: (bytes) => numbers(bytes, (random) => String(random())),
  'doubles of any exponent': (bytes) =>
    numbers(bytes, (random) => String(random() * 10 ** Math.floor(random() * 500 - 250))),
  'integers of 17 digits': (bytes) => numbers(bytes, (random) => digits(random, 17)),
  'integers of 25 digits': (bytes) => numbers(bytes, (random) => digits(random, 25)),
  'fractions of 18 digits': (bytes) => numbers(bytes, (random) => `0.${digits(random, 18)}`),
  '17 digits and an exponent': (bytes) => numbers(bytes, (random) => `1.${digits(random, 16)}e-${digits(random, 2)}`),
  'smallest numbers': (bytes) => numbers(bytes, (random) => `${digits(random, 3)}e-315`),
  rows: (bytes) =>
    numbers(bytes, (random) => `{"id":${digits(random, 6)},"name":"ann","paid":${digits(random, 3)}.25}`),
  'rows with long identifiers': (bytes) => numbers(bytes, (random) => `{"id":${digits(random, 18)},"name":"ann"}`),
};

/** `npm run bench -- parse-json`: the time to read a body over that of a plain JSON.parse of its text, by shape. */
export async function parseBodies(): Promise<Report> {
  const shapes = Object.entries({ ...hostileTexts, ...numberTexts });
  const ratios = shapes.map(([shape, make]): readonly [string, number] => [shape, measureRatio(make(textBytes))]);
  const goals = ratios.map(
    ([shape, ratio]): Goal => ({
      what: `${shape}`,
      goal: `≤ ${ratioMax} × JSON.parse`,
      got: `${ratio.toFixed(2)} ×`,
      ok: ratio <= ratioMax,
    }),
  );
  return buildReport('parse-json', goals, []);
}

/** The two take turns, so that what else the machine does meets both; the fastest run of each counts. */
function measureRatio(text: string): number {
  const body = Buffer.from(text);
  let [plainMs, ownMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let run = 0; run < runs; run += 1) {
    plainMs = Math.min(
      plainMs,
      timeOf(() => JSON.parse(text)),
    );
    ownMs = Math.min(
      ownMs,
      timeOf(() => parseJson(body, { depthMax: 64, keepsNumbers: true })),
    );
  }
  return ownMs / plainMs;
}

function timeOf(work: () => unknown): number {
  const startedMs = performance.now();
  try {
    work();
  } catch {
    // Some are broken on purpose; what is measured is the time until that is known.
  }
  return performance.now() - startedMs;
}

function numbers(bytes: number, make: (random: () => number) => string): string {
  const random = makeRandom();
  const items: string[] = [];
  for (let length = 1; length < bytes; length += items.at(-1)!.length + 1) items.push(make(random));
  return `[${items.join(',')}]`;
}

function digits(random: () => number, count: number): string {
  const more = Array.from({ length: count - 1 }, () => Math.floor(random() * 10));
  return `${1 + Math.floor(random() * 9)}${more.join('')}`;
}

/** The same for each run (a linear congruential generator of Numerical Recipes). */
function makeRandom(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
