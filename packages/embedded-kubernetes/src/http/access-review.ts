import { isJsonObject, kubeError } from '@hybridstore/controller-runtime';

/**
 * `kubectl auth can-i`: whoever has the token may do everything, so each well-formed question is answered with yes.
 * Source: kubernetes pkg/apis/authorization/validation.
 */
export const reviewGroup = 'authorization.k8s.io/v1';

export const reviewKinds = [
  { plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
  { plural: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview' },
] as const;

type Review = Readonly<Record<string, unknown>>;

/** The kind of review that the path creates; undefined for other paths. */
export function reviewKindOf(path: string): string | undefined {
  return reviewKinds.find(({ plural }) => path === `/apis/${reviewGroup}/${plural}`)?.kind;
}

/** The review with its status. Throws `invalid_request` naming the field. */
export function answerReview(kind: string, review: Review): Review {
  if (review['kind'] !== kind || review['apiVersion'] !== reviewGroup) {
    const message = `${review['apiVersion']}, Kind=${review['kind']} does not match the expected ${reviewGroup}, Kind=${kind}`;
    throw kubeError({ reason: 'BadRequest', message });
  }
  const spec = isJsonObject(review['spec']) ? review['spec'] : {};
  const status = kind === 'SelfSubjectAccessReview' ? allowAccess(spec) : listRules(spec);
  return { ...review, metadata: {}, spec, status };
}

function allowAccess(spec: Review): object {
  const asked = ['resourceAttributes', 'nonResourceAttributes'].filter((name) => isJsonObject(spec[name]));
  if (asked.length === 1) return { allowed: true, reason: 'whoever has the token of this server may do everything' };
  throw invalidReview(
    'SelfSubjectAccessReview',
    'spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified',
  );
}

function listRules({ namespace }: Review): object {
  if (typeof namespace !== 'string' || namespace === '')
    throw invalidReview('SelfSubjectRulesReview', 'spec.namespace: Required value');
  return {
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
    incomplete: false,
  };
}

function invalidReview(kind: string, problem: string) {
  return kubeError({ reason: 'Invalid', message: `${kind}.authorization.k8s.io "" is invalid: ${problem}` });
}
