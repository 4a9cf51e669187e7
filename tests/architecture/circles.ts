import { importTargets } from './imports.ts';

/** Which file names which, as paths from the repository's root. Targets that are no files of ours are left out. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/**
 * All imports between these files. An import of types alone counts too: who reads the one file has to read the other.
 * A package's name stands for its front door.
 */
export function importGraph(files: readonly string[], read: (file: string) => string): ImportGraph {
  const known = new Set(files);
  return new Map(
    files.map((file) => {
      const targets = importTargets(file, read(file)).map(frontDoor);
      return [file, targets.filter((target) => known.has(target))];
    }),
  );
}

/** `@hybridstore/sql/dsl` is `packages/sql/src/dsl/index.ts`; what is no package of ours stays as it is. */
function frontDoor(target: string): string {
  const [, name, door = ''] = /^@hybridstore\/([^/]+)(\/.+)?$/.exec(target) ?? [];
  return name === undefined ? target : `packages/${name}/src${door}/index.ts`;
}

/** Groups of files that all lead to each other by imports, and files that import themselves; sorted, as are the names. */
export function findCircles(graph: ImportGraph): string[][] {
  const reach = new Map([...graph.keys()].map((file) => [file, reachableFrom(file, graph)]));
  const leadsTo = (from: string, to: string) => reach.get(from)?.has(to) ?? false;
  const grouped = new Set<string>();
  const circles: string[][] = [];
  for (const file of [...graph.keys()].toSorted()) {
    if (grouped.has(file) || !leadsTo(file, file)) continue;
    const circle = [...(reach.get(file) ?? [])].filter((other) => leadsTo(other, file)).toSorted();
    for (const member of circle) grouped.add(member);
    circles.push(circle);
  }
  return circles;
}

/** Every file that one or more imports lead to; the file itself only when they lead back to it. */
function reachableFrom(start: string, graph: ImportGraph): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(graph.get(start) ?? [])];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    open.push(...(graph.get(file) ?? []));
  }
  return found;
}
