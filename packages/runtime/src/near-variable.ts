import { editDistance } from '@hybridstore/contracts';

/** Names shorter than this are near at one edit only: HOST, PORT and their like have too many neighbours. */
const shortCharacters = 8;
const nameCharactersMax = 128;

/** The known name that a name is a slip of the hand away from; undefined when none is near. */
export function findNearVariable(name: string, known: Iterable<string>): string | undefined {
  if (name.length > nameCharactersMax) return undefined;
  const wanted = name.toUpperCase();
  const allowed = wanted.length < shortCharacters ? 1 : 2;
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toUpperCase());
    if (distance <= allowed && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { name: candidate, distance };
  }
  return best?.name;
}
