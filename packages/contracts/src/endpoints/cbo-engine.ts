import {
  EstimateRequest,
  EstimateResponse,
  ExecutionReported,
  ExecutionReports,
  ExecutionStats,
  OptimizeRequest,
  OptimizeResponse,
} from '../optimize.ts';
import { bodyBounds, type Endpoint, may, onlyServices, userAccess } from './endpoint.ts';

const service = 'cbo-engine';

export const cboEngine = {
  optimize: {
    service,
    method: 'POST',
    path: '/optimize/query',
    summary: 'Choose a plan by its cost',
    access: may('read'),
    body: OptimizeRequest,
    bodyBytesMax: bodyBounds.plan,
    response: OptimizeResponse,
    viaGateway: true,
  },
  estimate: {
    service,
    method: 'POST',
    path: '/costs/estimate',
    summary: 'Estimate the cost of a plan as it stands',
    access: may('read'),
    body: EstimateRequest,
    bodyBytesMax: bodyBounds.plan,
    response: EstimateResponse,
    viaGateway: true,
  },
  executionStats: {
    service,
    method: 'GET',
    path: '/stats/execution',
    summary: 'How predictions compare with executions of the tenant',
    access: userAccess,
    response: ExecutionStats,
    viaGateway: true,
  },
  reportExecutions: {
    service,
    method: 'POST',
    path: '/internal/executions',
    summary: 'Report what plans really took',
    access: onlyServices('operation-node'),
    body: ExecutionReports,
    response: ExecutionReported,
  },
} as const satisfies Record<string, Endpoint>;
