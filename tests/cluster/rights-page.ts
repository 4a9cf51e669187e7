import { readFileSync } from 'node:fs';
import type { Rule } from './rendered-chart.ts';

/** One right: resource, verb, and the name to which it is bound; as `kubectl auth can-i --list` writes resources. */
export type Right = string;

/** A table of docs/reference/rights.md. */
export type Section = { readonly rights: ReadonlySet<Right>; readonly reasons: readonly string[] };

const page = new URL('../../docs/reference/rights.md', import.meta.url);

/** Tables of the page by their headings. */
export function readRightsPage(): ReadonlyMap<string, Section> {
  const [, ...sections] = readFileSync(page, 'utf8').split(/^### /m);
  return new Map(
    sections.map((section) => {
      const [title = '', ...lines] = section.split('\n');
      const rows = lines.filter((line) => line.startsWith('| `')).map((line) => line.split(' | '));
      return [
        title.replaceAll('`', ''),
        { rights: new Set(rows.flatMap(readRow)), reasons: rows.map(([, , , why = '']) => why.replace(/ \|$/, '')) },
      ];
    }),
  );
}

function readRow([resources = '', names = '', verbs = '']: readonly string[]): readonly Right[] {
  return combine(wordsOf(resources), wordsOf(names), wordsOf(verbs));
}

function wordsOf(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
}

export function combine(
  resources: readonly string[],
  names: readonly string[],
  verbs: readonly string[],
): readonly Right[] {
  const suffixes = names.length === 0 ? [''] : names.map((name) => ` ${name}`);
  return resources.flatMap((resource) =>
    verbs.flatMap((verb) => suffixes.map((suffix) => `${verb} ${resource}${suffix}`)),
  );
}

export function rightsOf(rules: readonly Rule[]): ReadonlySet<Right> {
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [] }) =>
      combine(
        apiGroups.flatMap((group) => resources.map((resource) => nameResource(group, resource))),
        resourceNames,
        verbs,
      ),
    ),
  );
}

function nameResource(group: string, resource: string): string {
  const [plural = '', ...subresource] = resource.split('/');
  return [group === '' ? plural : `${plural}.${group}`, ...subresource].join('/');
}

/** What `kubectl auth can-i --list` prints: resources, paths, names and verbs, in columns. Rights to paths are left out. */
export function readCanIList(text: string): ReadonlySet<Right> {
  const rows = [...text.matchAll(/^(\S+) +\[\] +\[([^\]]*)\] +\[([^\]]*)\]$/gm)];
  return new Set(
    rows.flatMap(([, resource = '', names = '', verbs = '']) =>
      combine([resource], names.split(' ').filter(Boolean), verbs.split(' ')),
    ),
  );
}
