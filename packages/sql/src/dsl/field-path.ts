import { HybridStoreError } from '@hybridstore/contracts';

/** A key, or a place in an array, which is a key as well where there is no array. */
export type PathStep = string | number;

/** Digits without quotes are a place. */
const placeForm = /^\d{1,6}$/;
/** One step with the dot behind it: in quotes, where two are one, or anything up to a dot. */
const stepForm = /(?:"((?:[^"]|"")*)"|([^".][^.]*))(\.|$)/y;

/** The steps of `doc.items.0."unit.price"`. A quote begins a quotation only where a step begins. */
export function readFieldPath(path: string): readonly PathStep[] {
  const steps: PathStep[] = [];
  stepForm.lastIndex = 0;
  for (let at = 0; ; at = stepForm.lastIndex) {
    const found = stepForm.exec(path);
    if (!found) throw unreadable(path, at);
    const [, quoted, plain = '', dot] = found;
    steps.push(quoted === undefined ? plainStep(plain) : quoted.replaceAll('""', '"'));
    if (dot === '') return steps;
  }
}

function plainStep(text: string): PathStep {
  return placeForm.test(text) ? Number(text) : text;
}

function unreadable(path: string, at: number): HybridStoreError {
  const actual = path.slice(at, at + 50) || 'nothing';
  return new HybridStoreError(
    'invalid_request',
    `field ${path}: expected a step after ${at} characters, as a key without dots or in closed quotes, found ${actual}`,
    { field: path, expected: 'steps between dots, such as doc.a."b.c".0', actual },
  );
}
