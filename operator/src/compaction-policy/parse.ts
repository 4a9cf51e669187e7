import { CompactionPolicySpec } from '@hybridstore/contracts';
import { type Parsed, parseOnce } from '@hybridstore/controller-runtime';
import { compileValidator } from '@hybridstore/http';
import type { CompactionPolicy } from '../resources/custom-resources.ts';

const validator = compileValidator(CompactionPolicySpec);

/** The rules of the definition once more, for objects that were stored past it. */
export const parsePolicy = parseOnce(readPolicy);

function readPolicy(policy: CompactionPolicy): Parsed<CompactionPolicySpec> {
  const { spec } = policy;
  if (!validator.check<CompactionPolicySpec>(spec)) return { kind: 'invalid', problem: `spec.${validator.describe()}` };
  if (spec.minFileSizeMB > spec.maxFileSizeMB)
    return { kind: 'invalid', problem: 'spec: minFileSizeMB must not be greater than maxFileSizeMB' };
  const { sourceIds, matchLabels } = spec.sourceSelector ?? {};
  if (spec.sourceSelector !== undefined && (sourceIds === undefined) === (matchLabels === undefined))
    return { kind: 'invalid', problem: 'spec.sourceSelector: exactly one of sourceIds and matchLabels must be set' };
  return { kind: 'valid', spec };
}
