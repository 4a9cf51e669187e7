export { EmbeddedApiServer, type EmbeddedApiServerOptions } from './api/api-server.ts';
export { collectionOf } from './api/kind.ts';
export { type Collected, collectGarbage } from './controllers/garbage-collector.ts';
export { type HttpFront, type HttpFrontOptions, type ReadPodLog, startHttpFront } from './http/http-server.ts';
export { type KubeConfigInput, writeKubeConfig } from './http/kubeconfig.ts';
export type { Command, CommandOf } from './kubelet/pod-worker.ts';
export { EmbeddedPlatform, type EmbeddedPlatformOptions } from './platform.ts';
