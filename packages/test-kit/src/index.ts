export * from './fake-clock.ts';
export * from './temporary-folder.ts';
export * from './test-issuer.ts';
