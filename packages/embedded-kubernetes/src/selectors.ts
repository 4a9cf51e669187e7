import type { KubeObject, LabelSelector, Labels } from '@hybridstore/controller-runtime';
import { kubeError } from '@hybridstore/controller-runtime';

/**
 * Label and field selectors in their text form. Source: apimachinery pkg/labels/selector.go, pkg/fields/selector.go.
 */
export type ObjectTest = (object: KubeObject) => boolean;

const requirementsMax = 100;

/** Tests labels against `a=b,c!=d,e in (f,g),h notin (i),j,!k`. An empty selector matches everything. */
export function parseLabelSelector(text: string): (labels: Labels) => boolean {
  const requirements = splitRequirements(text).map(parseRequirement);
  return (labels) => requirements.every((isMet) => isMet(labels));
}

/** Commas inside parentheses belong to a set. */
function splitRequirements(text: string): string[] {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const filled = parts.filter((part) => part !== '');
  if (filled.length > requirementsMax) throw badSelector(`more than ${requirementsMax} requirements`);
  return filled;
}

function parseRequirement(text: string): (labels: Labels) => boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text);
  if (set !== null) return buildSetTest(set[1] ?? '', set[2] === 'in', set[3] ?? '');
  const equality = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(text);
  if (equality !== null) return buildSetTest(equality[1] ?? '', equality[2] !== '!=', equality[3] ?? '');
  const presence = /^(!?)\s*([^=!\s(),]+)$/.exec(text);
  if (presence === null) throw badSelector(`unable to parse requirement: ${JSON.stringify(text)}`);
  const [, not, key = ''] = presence;
  return (labels) => Object.hasOwn(labels, key) === (not === '');
}

function buildSetTest(key: string, isIn: boolean, list: string): (labels: Labels) => boolean {
  const values = new Set(list.split(',').map((value) => value.trim()));
  return (labels) => {
    const value = labels[key];
    return value === undefined ? !isIn : values.has(value) === isIn;
  };
}

/** `metav1.LabelSelector` as a test. An absent selector matches nothing, an empty one everything. */
export function matchLabelSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false;
  const hasLabels = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return hasLabels && (selector.matchExpressions ?? []).every((expression) => isExpressionMet(expression, labels));
}

function isExpressionMet(
  { key, operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  labels: Labels,
): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false; // the API server takes no other, so nothing it selects is known
  }
}

/** A selector as text, as the scale subresource reports it. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return labels.sort().join(',');
}

/** `metadata.name=a,status.phase!=Running`: any path of single names. */
export function parseFieldSelector(text: string): ObjectTest {
  const requirements = splitRequirements(text).map(parseFieldRequirement);
  return (object) => requirements.every((isMet) => isMet(object));
}

function parseFieldRequirement(text: string): ObjectTest {
  const match = /^([\w.]+)\s*(==|=|!=)\s*(.*)$/.exec(text);
  if (match === null) throw badSelector(`invalid field selector: ${JSON.stringify(text)}`);
  const [, path = '', operator, wanted = ''] = match;
  const names = path.split('.');
  return (object) => (readPath(object, names) === wanted) === (operator !== '!=');
}

function readPath(object: KubeObject, names: readonly string[]): string {
  let value: unknown = object;
  for (const name of names) value = (value as Readonly<Record<string, unknown>> | undefined)?.[name]; // any JSON
  return value === undefined || value === null ? '' : String(value);
}

/** Both selectors as one test; undefined when everything is selected. */
export function buildObjectTest(selection: {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}): ObjectTest | undefined {
  const { labelSelector = '', fieldSelector = '' } = selection;
  if (labelSelector === '' && fieldSelector === '') return undefined;
  const hasLabels = parseLabelSelector(labelSelector);
  const hasFields = parseFieldSelector(fieldSelector);
  return (object) => hasLabels(object.metadata.labels ?? {}) && hasFields(object);
}

function badSelector(message: string) {
  return kubeError({ reason: 'BadRequest', message });
}
