import { authGateway } from './auth-gateway.ts';
import { cboEngine } from './cbo-engine.ts';
import type { Endpoint } from './endpoint.ts';
import { metadataCatalog } from './metadata-catalog.ts';
import { monitoring } from './monitoring.ts';
import { operationNode } from './operation-node.ts';
import { queryInterpreter } from './query-interpreter.ts';
import { tenantNode } from './tenant-node.ts';

/** Every endpoint of every service by service name, for OpenAPI, the reference pages and the gateway's routing. */
export const endpoints: Readonly<Record<string, Readonly<Record<string, Endpoint>>>> = {
  'auth-gateway': authGateway,
  'operation-node': operationNode,
  'cbo-engine': cboEngine,
  'metadata-catalog': metadataCatalog,
  monitoring,
  'query-interpreter': queryInterpreter,
  'tenant-node': tenantNode,
};
