import type { KubeObject } from '@hybridstore/controller-runtime';
import type { Kind } from '../api/kind.ts';
import { ageColumn, builtInColumnsOf, type Column, columnAt, nameColumn } from './built-in-columns.ts';

/**
 * Lists as kubectl prints them. Columns come from the CRD, or from the table of the built-in kinds.
 *
 * `metav1.Table` of objects of one kind.
 */
export function buildTable(kind: Kind, objects: readonly KubeObject[], metadata: object, nowMs: number): object {
  const columns = columnsOf(kind);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map(describeColumn),
    rows: objects.map((object) => ({
      cells: columns.map((column) => readCell(object, column, nowMs)),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  };
}

function columnsOf(kind: Kind): readonly Column[] {
  if (!kind.isCustom) return builtInColumnsOf(kind.resource.plural);
  const own = kind.printerColumns.map(
    ({ name, type, jsonPath, priority }) => columnAt(name, type as Column['type'], jsonPath, priority), // the CRD's schema has no other types
  );
  return own.some(({ name }) => name === 'Age') ? [nameColumn, ...own] : [nameColumn, ...own, ageColumn];
}

/** The server prints dates as ages, so the client gets text. */
function describeColumn(column: Column): object {
  const { name, type, priority = 0 } = column;
  const isName = column.name === 'Name' && column.read === nameColumn.read;
  return { name, type: type === 'date' ? 'string' : type, format: isName ? 'name' : '', description: '', priority };
}

function readCell(object: KubeObject, { type, read }: Column, nowMs: number): unknown {
  const value = read(object);
  if (value === undefined || value === null) return type === 'date' ? '<unknown>' : null;
  return type === 'date' ? formatAge(nowMs - Date.parse(String(value))) : value;
}

const minute = 60;
const hour = 3_600;
const day = 86_400;

/** Two units while the first one is small. Source: apimachinery pkg/util/duration HumanDuration. */
function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1_000));
  if (seconds < 2 * minute) return `${seconds}s`;
  if (seconds < 10 * minute) return formatUnits(seconds, [minute, 'm'], [1, 's']);
  if (seconds < 3 * hour) return `${Math.floor(seconds / minute)}m`;
  if (seconds < 8 * hour) return formatUnits(seconds, [hour, 'h'], [minute, 'm']);
  if (seconds < 2 * day) return `${Math.floor(seconds / hour)}h`;
  return seconds < 8 * day ? formatUnits(seconds, [day, 'd'], [hour, 'h']) : `${Math.floor(seconds / day)}d`;
}

type Unit = readonly [seconds: number, letter: string];

function formatUnits(seconds: number, [large, largeLetter]: Unit, [small, smallLetter]: Unit): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${largeLetter}${rest === 0 ? '' : `${rest}${smallLetter}`}`;
}
