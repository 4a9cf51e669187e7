import { editDistance } from '@hybridstore/contracts';

const candidatesMax = 5_000;
const charactersMax = 128;
/** One letter in so many of the longer name may differ; where both are shorter they are the same but for their case. */
const lettersPerMistake = 4;
const mistakesMax = 3;

/**
 * The candidate that is most like `name`, when few of its letters differ: none of three, one of four to seven, two of eight
 * to eleven, three of more. Letters that changed places are one mistake. What the caller may not read must not be among the
 * candidates.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  if (wanted.length > charactersMax) return undefined;
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  let seen = 0;
  for (const candidate of candidates) {
    seen += 1;
    if (seen > candidatesMax) break;
    const letters = Math.max(wanted.length, candidate.length);
    const allowed = Math.min(mistakesMax, Math.floor(letters / lettersPerMistake));
    if (Math.abs(candidate.length - wanted.length) > allowed) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance <= allowed && (!best || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}
