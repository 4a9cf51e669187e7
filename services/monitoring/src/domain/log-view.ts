import { endpoints, type LogEntry } from '@hybridstore/contracts';

/** Deeper than any event of ours; what is below says nothing to a reader. */
const depthMax = 16;
const hidden = '…';

/** Lines of a stack inside a text: `    at run (file:///app/main.js:1:2)`. */
const stackLine = /(?:\n|^)[ \t]+at [^\n]*/g;
/** A path from the root, or a file URL, up to what ends one in a sentence. */
const absolutePath = /(?:file:\/\/|(?<![\w:/.\-~…]))\/[^\s"'`<>|,;:()[\]{}]+(?::\d+(?::\d+)?)?/g;
const fileName = /[^/]+\.[A-Za-z0-9]{1,12}$/;

/**
 * An entry as its readers may see it. What went wrong is theirs to know; stacks and places on the disk describe this
 * machine, which only those who run it need. Of a path the file's name stays, by which a table names its files; paths of
 * the API are words that every reader has.
 */
export function viewEntry(entry: LogEntry): LogEntry {
  return { ...entry, event: viewText(entry.event), fields: viewFields(entry.fields, 1) };
}

function viewFields(fields: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([name]) => name.toLowerCase() !== 'stack')
      .map(([name, value]) => [viewText(name), viewValue(value, depth)]),
  );
}

function viewValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return viewText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= depthMax) return hidden;
  if (Array.isArray(value)) return value.map((item) => viewValue(item, depth + 1));
  // Not an array and not null: JSON leaves objects.
  return viewFields(value as Record<string, unknown>, depth + 1);
}

function viewText(text: string): string {
  return text.replace(stackLine, '').replace(absolutePath, (path) => (isOfTheApi(path) ? path : shorten(path)));
}

function shorten(path: string): string {
  const name = fileName.exec(path.replace(/(:\d+)+$/, ''))?.[0];
  return name === undefined ? hidden : `${hidden}/${name}`;
}

function isOfTheApi(path: string): boolean {
  const bare = path.split('?')[0] ?? '';
  return standardPaths.has(bare) || apiPaths.some((pattern) => pattern.test(bare));
}

const standardPaths: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics', '/openapi.json']);
const apiPaths = Object.values(endpoints)
  .flatMap((each) => Object.values(each))
  .map(({ path }) => new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')}$`));
