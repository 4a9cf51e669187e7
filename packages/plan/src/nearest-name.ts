import { editDistance } from '@hybridstore/contracts';

const candidatesMax = 5_000;

/** The candidate that most resembles `name` by edit distance, when it differs in at most a third of its letters (or two). */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase().slice(0, 128);
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  let seen = 0;
  for (const candidate of candidates) {
    seen += 1;
    if (seen > candidatesMax) break;
    const distance = editDistance(wanted, candidate.toLowerCase().slice(0, 128));
    if (!best || distance < best.distance) best = { candidate, distance };
  }
  const allowed = Math.max(2, Math.floor(wanted.length / 3));
  return best && best.distance <= allowed ? best.candidate : undefined;
}
