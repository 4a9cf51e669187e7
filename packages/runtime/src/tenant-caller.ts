import { type Action, matchesPattern, type Permission } from '@hybridstore/contracts';
import { HybridStoreError } from './errors.ts';

/**
 * Who asks for a tenant's data, as proved by whatever transport brought the call: the plain value that the functions of a
 * domain judge by. `token` goes along where the answer needs another service.
 */
export type TenantCaller = {
  readonly subject: string;
  /** Whose key the subject is; absent where it is a user himself. */
  readonly owner?: string;
  readonly tenant: string;
  readonly permissions: readonly Permission[];
  readonly token: string;
};

/** For whom bounds by user count a call: all keys of one user are his. */
export function userOf(caller: Pick<TenantCaller, 'subject' | 'owner'>): string {
  return caller.owner ?? caller.subject;
}

/** Whether the caller may do the action on that very source; no permission means no. */
export function maySource(caller: TenantCaller, action: Action, sourceId: string): boolean {
  return caller.permissions.some(
    (permission) =>
      permission.actions.includes(action) && permission.sources.some((pattern) => matchesPattern(pattern, sourceId)),
  );
}

/** Throws `forbidden` naming source and action. */
export function requireSource(caller: TenantCaller, action: Action, sourceId: string): void {
  if (maySource(caller, action, sourceId)) return;
  throw new HybridStoreError('forbidden', `the token gives no permission to ${action} source ${sourceId}`, {
    action,
    source_id: sourceId,
  });
}
