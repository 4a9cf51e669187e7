/** Address of a tenant's Service from a template with `{name}` and `{namespace}`; tenant ids are `namespace/name`. */
export function tenantUrl(template: string, tenantId: string): string {
  const [namespace = '', name = ''] = tenantId.split('/');
  return template.replaceAll('{namespace}', namespace).replaceAll('{name}', name);
}
