export { describeFunctions, type FunctionDescription } from './describe-functions.ts';
