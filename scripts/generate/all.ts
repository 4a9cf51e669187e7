import { renderDashboardFiles } from './chart-dashboards.ts';
import { renderIngressFile } from './chart-ingress.ts';
import { renderRbacFiles } from './chart-rbac.ts';
import { renderChartSchema } from './chart-schema.ts';
import { buildChartValuesReference } from './chart-values-reference.ts';
import { renderCrdFiles } from './crds.ts';
import type { GeneratedFile } from './generated-file.ts';
import { buildResourceReference } from './resource-reference.ts';
import { buildErrorReference, buildRestReference, buildWireHashes } from './rest-reference.ts';
import { buildRightsReference } from './rights-reference.ts';
import { buildSqlReference } from './sql-reference.ts';
import { buildVariableReference } from './variable-reference.ts';

/** Every generated file of the repository. Pure. */
export function buildGeneratedFiles(): readonly GeneratedFile[] {
  return [
    ...renderCrdFiles(),
    ...renderRbacFiles(),
    buildRightsReference(),
    renderIngressFile(),
    renderChartSchema(),
    buildChartValuesReference(),
    ...renderDashboardFiles(),
    ...buildResourceReference(),
    ...buildRestReference(),
    buildErrorReference(),
    buildVariableReference(),
    buildWireHashes(),
    buildSqlReference(),
  ];
}
