/** `rbac.authorization.k8s.io/v1` PolicyRule. */
export type PolicyRule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
};

/** A rule beside the reason for which it is asked: the reason is for people, and goes into no role. */
export type GrantedRule = PolicyRule & { readonly why: string };
