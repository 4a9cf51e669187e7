export * from './fake-clock.ts';
export * from './memory-disk.ts';
export * from './temporary-folder.ts';
export * from './test-issuer.ts';
