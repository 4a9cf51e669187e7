export { EmbeddedApiServer } from './api/api-server.ts';
export { collectionOf } from './api/kind.ts';
export { startHttpFront } from './http/http-server.ts';
export { writeKubeConfig } from './http/kubeconfig.ts';
export { EmbeddedPlatform, type EmbeddedPlatformOptions } from './platform.ts';
