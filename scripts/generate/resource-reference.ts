import { buildCrds } from '@hybridstore/contracts';
import type { GeneratedFile } from './generated-file.ts';

/** An OpenAPI schema as far as the pages show it. */
type Shape = {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly additionalProperties?: Shape | boolean;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-validations'?: readonly { readonly message?: string; readonly rule: string }[];
};

/** One page for each custom resource: its fields with types and defaults, its rules in their own words, its status. */
export function buildResourceReference(): readonly GeneratedFile[] {
  return buildCrds().map((crd) => {
    const { names, versions } = crd.spec;
    const schema = versions[0]?.schema.openAPIV3Schema as Shape | undefined;
    const spec = schema?.properties?.['spec'] ?? {};
    const status = schema?.properties?.['status'] ?? {};
    const rules = collectRules(schema ?? {}, '');
    const columns = versions[0]?.additionalPrinterColumns ?? [];
    const text = [
      `# ${names.kind}`,
      '',
      `\`${crd.spec.group}/${versions[0]?.name}\`, namespaced. Short name \`${names.shortNames?.join('`, `')}\`, category \`${names.categories?.join('`, `')}\`.`,
      '',
      schema?.description ?? '',
      '',
      '| field of spec | type | default | |',
      '| --- | --- | --- | --- |',
      ...describeFields(spec, ''),
      '',
      '## Rules',
      '',
      ...rules.map((rule) => `- ${rule}`),
      '',
      '## Status',
      '',
      `\`kubectl get ${names.plural}\` shows ${columns.map(describeColumn).join(', ')}.`,
      '',
      '| field of status | type | | |',
      '| --- | --- | --- | --- |',
      ...describeFields(status, ''),
      '',
    ];
    return { path: `docs/reference/resources/${names.singular}.md`, text: text.join('\n') };
  });
}

function describeColumn(column: { readonly name: string; readonly priority?: number }): string {
  return (column.priority ?? 0) === 0 ? column.name : `${column.name} (with \`-o wide\`)`;
}

function describeFields(shape: Shape, prefix: string): string[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const isRequired = shape.required?.includes(name) ?? false;
    const notes = [isRequired ? 'required' : '', oneLine(field.description ?? '')]
      .filter((note) => note !== '')
      .join('; ');
    const row = `| \`${path}\` | ${describeType(field)} | ${describeDefault(field)} | ${notes} |`;
    const inner = field.items?.properties
      ? describeFields(field.items, `${path}[].`)
      : describeFields(field, `${path}.`);
    return [row, ...inner];
  });
}

/** Of an object the rows of its fields say it. */
function describeDefault(field: Shape): string {
  return field.default === undefined || field.properties ? '' : `\`${JSON.stringify(field.default)}\``;
}

function describeType(field: Shape): string {
  if (field.enum) return field.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (field['x-kubernetes-int-or-string']) return 'quantity';
  if (field.type === 'array') return `list of ${field.items?.type ?? 'values'}`;
  const bounds = [
    field.minimum === undefined ? '' : `≥ ${field.minimum}`,
    field.maximum === undefined ? '' : `≤ ${field.maximum}`,
  ].filter((text) => text !== '');
  return `${field.type ?? 'any'}${bounds.length > 0 ? ` (${bounds.join(', ')})` : ''}`;
}

function collectRules(shape: Shape, path: string): string[] {
  const own = (shape['x-kubernetes-validations'] ?? []).map(
    (rule) => `${path === '' ? '' : `\`${path}\`: `}${oneLine(rule.message ?? rule.rule)}`,
  );
  const inner = Object.entries(shape.properties ?? {}).flatMap(([name, field]) =>
    collectRules(field, path === '' ? name : `${path}.${name}`),
  );
  return [...own, ...inner, ...(shape.items ? collectRules(shape.items, `${path}[]`) : [])];
}

/** Table cells have one line, and a pipe would end them. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
}
