import type { Random } from './random.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Place = { readonly holder: Json[] | { [key: string]: Json }; readonly key: string | number };

/** A plan in which a few places are other ones: names, whole parts of itself or of others, kinds, numbers, what is left out or there twice. */
export function mutatePlan(
  plan: unknown,
  others: readonly unknown[],
  names: readonly string[],
  random: Random,
): unknown {
  const copy = structuredClone(plan) as Json;
  for (let step = 1 + random.below(random.chance(60) ? 1 : 4); step > 0; step -= 1) {
    const places = listPlaces(copy);
    mutate(random.pick(places), places, { others, names, random });
  }
  if (random.chance(70)) claimTables(copy);
  return copy;
}

/** Says honestly which tables the plan reads, so that it fails at nothing but what it reads. */
function claimTables(plan: Json): void {
  const tables = new Map<string, Set<string>>();
  for (const { holder } of listPlaces(plan)) {
    if (Array.isArray(holder) || holder['kind'] !== 'scan' || !Array.isArray(holder['columns'])) continue;
    const columns = tables.get(String(holder['source'])) ?? new Set();
    for (const name of holder['columns']) columns.add(String(name));
    tables.set(String(holder['source']), columns);
  }
  if (typeof plan !== 'object' || plan === null || Array.isArray(plan)) return;
  plan['tables'] = [...tables]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, columns]) => ({ source, columns: [...columns].sort() }));
}

function mutate(
  { holder, key }: Place,
  places: readonly Place[],
  {
    others,
    names,
    random,
  }: { readonly others: readonly unknown[]; readonly names: readonly string[]; readonly random: Random },
): void {
  const target = holder as { [key: string | number]: Json };
  const old = target[key]!;
  const draw = random.below(10);
  if (typeof old === 'string' && draw < 8) target[key] = random.pick(names);
  else if (draw < 2) target[key] = scanOf(random.pick(['hr', 'payroll', 'sales', ...names]), random);
  else if (draw < 3) target[key] = cteOf(random.pick(names), random);
  else if (draw < 5) {
    const donor = random.pick(listPlaces(structuredClone(random.pick(others)) as Json));
    target[key] = (donor.holder as { [key: string | number]: Json })[donor.key]!;
  } else if (draw < 7) {
    const donor = random.pick(places);
    target[key] = structuredClone((donor.holder as { [key: string | number]: Json })[donor.key]!);
  } else if (draw < 8) delete target[key];
  else if (Array.isArray(holder)) holder.push(structuredClone(old));
  else
    target[random.pick(['kind', 'name', 'source', 'alias', 'with', 'recursive', 'using', 'lateral'])] =
      structuredClone(old);
}

function scanOf(source: string, random: Random): Json {
  return { kind: 'scan', source, alias: random.pick(['a', 'b', 'x']), columns: random.pick([[], ['doc'], ['id']]) };
}

function cteOf(name: string, random: Random): Json {
  return { kind: 'cte', name, alias: random.pick(['a', 'b', 'y']) };
}

function listPlaces(value: Json): readonly Place[] {
  const places: Place[] = [];
  const visit = (holder: Json): void => {
    if (typeof holder !== 'object' || holder === null) return;
    const keys = Array.isArray(holder) ? holder.keys() : Object.keys(holder);
    for (const key of keys) {
      places.push({ holder, key });
      visit((holder as { [key: string | number]: Json })[key]!);
    }
  };
  visit(value);
  return places;
}
