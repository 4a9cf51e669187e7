export * from './damage-count.ts';
export * from './fake-clock.ts';
export * from './golden-script.ts';
export * from './memory-disk.ts';
export * from './readme-example.ts';
export * from './struck-disk.ts';
export * from './temporary-folder.ts';
export * from './test-issuer.ts';
