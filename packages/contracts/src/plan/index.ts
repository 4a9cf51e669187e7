export * from './data-type.ts';
export * from './expression.ts';
export * from './logical-plan.ts';
export * from './query.ts';
export * from './relation.ts';
