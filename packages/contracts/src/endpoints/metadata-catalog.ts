import { Type } from 'typebox';
import {
  CatalogSource,
  CatalogSources,
  CatalogStats,
  CommitNotice,
  CompactionPolicyDefinition,
  CompactionPolicyState,
  CompactRequest,
  CompactResponse,
  StatisticsRequest,
  StatisticsResponse,
  TenantRegistration,
} from '../catalog.ts';
import { SourceId } from '../identifiers.ts';
import { DatabaseChecked } from '../integrity.ts';
import { SourceDefinition } from '../source-schema.ts';
import { bodyBounds, type Endpoint, may, onlyServices, platformAccess, userAccess } from './endpoint.ts';

const service = 'metadata-catalog';
const Label = Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' });
const tenantParams = Type.Object({ namespace: Label, tenant: Label }, { additionalProperties: false });
const sourceParams = Type.Object(
  { namespace: Label, tenant: Label, source_id: SourceId },
  { additionalProperties: false },
);
const policyParams = Type.Object(
  { namespace: Label, policy: Type.String({ maxLength: 253 }) },
  { additionalProperties: false },
);
const Removed = Type.Object({ removed: Type.Boolean() }, { additionalProperties: false });

export const metadataCatalog = {
  listSources: {
    service,
    method: 'GET',
    path: '/metadata/sources',
    summary: 'Sources of the tenant the caller may read, with their schemas',
    access: userAccess,
    query: Type.Object(
      { source_id: Type.Optional(SourceId), refresh: Type.Optional(Type.Enum(['true', 'false'])) },
      { additionalProperties: false },
    ),
    response: CatalogSources,
    viaGateway: true,
  },
  compact: {
    service,
    method: 'POST',
    path: '/metadata/compact',
    summary: 'Merge small files now',
    access: may('manage'),
    body: CompactRequest,
    response: CompactResponse,
    viaGateway: true,
  },
  stats: {
    service,
    method: 'GET',
    path: '/metadata/stats',
    summary: 'Totals of the tenant',
    access: userAccess,
    response: CatalogStats,
    viaGateway: true,
  },
  checkDatabase: {
    service,
    method: 'POST',
    path: '/admin/check/catalog',
    summary: 'Look for damage in the database of the catalog while it is served; one look at a time',
    access: platformAccess,
    response: DatabaseChecked,
    viaGateway: true,
  },
  statistics: {
    service,
    method: 'POST',
    path: '/internal/statistics',
    summary: 'Statistics for the scans of a plan (with the token of the user it runs for)',
    access: may('read'),
    body: StatisticsRequest,
    bodyBytesMax: bodyBounds.plan,
    response: StatisticsResponse,
  },
  commitNotice: {
    service,
    method: 'POST',
    path: '/internal/commits',
    summary: 'A node reports a commit',
    access: onlyServices('tenant-node'),
    body: CommitNotice,
    bodyBytesMax: bodyBounds.files,
    response: Type.Object({ table_version: Type.Integer() }, { additionalProperties: false }),
  },
  putTenant: {
    service,
    method: 'PUT',
    path: '/internal/tenants/:namespace/:tenant',
    summary: 'Register a tenant',
    access: onlyServices('operator'),
    params: tenantParams,
    body: TenantRegistration,
    response: TenantRegistration,
  },
  deleteTenant: {
    service,
    method: 'DELETE',
    path: '/internal/tenants/:namespace/:tenant',
    summary: 'Forget a tenant',
    access: onlyServices('operator'),
    params: tenantParams,
    response: Removed,
  },
  putSource: {
    service,
    method: 'PUT',
    path: '/internal/tenants/:namespace/:tenant/sources/:source_id',
    summary: 'Register a source',
    access: onlyServices('operator'),
    params: sourceParams,
    body: SourceDefinition,
    bodyBytesMax: bodyBounds.source,
    response: CatalogSource,
  },
  getSource: {
    service,
    method: 'GET',
    path: '/internal/tenants/:namespace/:tenant/sources/:source_id',
    summary: 'One source',
    access: onlyServices('operator'),
    params: sourceParams,
    response: CatalogSource,
  },
  deleteSource: {
    service,
    method: 'DELETE',
    path: '/internal/tenants/:namespace/:tenant/sources/:source_id',
    summary: 'Forget a source',
    access: onlyServices('operator'),
    params: sourceParams,
    response: Removed,
  },
  putPolicy: {
    service,
    method: 'PUT',
    path: '/internal/policies/:namespace/:policy',
    summary: 'Activate a compaction policy',
    access: onlyServices('operator'),
    params: policyParams,
    body: CompactionPolicyDefinition,
    response: CompactionPolicyState,
  },
  getPolicy: {
    service,
    method: 'GET',
    path: '/internal/policies/:namespace/:policy',
    summary: 'State of a compaction policy',
    access: onlyServices('operator'),
    params: policyParams,
    response: CompactionPolicyState,
  },
  deletePolicy: {
    service,
    method: 'DELETE',
    path: '/internal/policies/:namespace/:policy',
    summary: 'Deactivate a compaction policy',
    access: onlyServices('operator'),
    params: policyParams,
    response: Removed,
  },
} as const satisfies Record<string, Endpoint>;
