import { type Environment, wrongVariable } from './environment.ts';

/** Where a tenant's Service is, with `{name}` and `{namespace}` standing for the two parts of its id. */
export function readTenantUrlTemplate(environment: Environment): string {
  const name = 'TENANT_URL_TEMPLATE';
  const template = environment.text(name, 'http://hs-{name}.{namespace}.svc:8000').replace(/\/$/, '');
  const isWhole = template.includes('{name}') && template.includes('{namespace}');
  if (!isWhole || !/^https?:$/.test(URL.parse(tenantUrl(template, 'namespace/name'))?.protocol ?? ''))
    throw wrongVariable(name, 'a http URL with {name} and {namespace}', template);
  return template;
}

/** Address of a tenant's Service; tenant ids are `namespace/name`. */
export function tenantUrl(template: string, tenantId: string): string {
  const [namespace = '', name = ''] = tenantId.split('/');
  return template.replaceAll('{namespace}', namespace).replaceAll('{name}', name);
}
