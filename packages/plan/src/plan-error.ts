/** A plan or request that cannot be compiled or printed. The caller's fault: services answer `invalid_request` with it. */
export class PlanError extends Error {
  readonly code = 'invalid_request';
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'PlanError';
    this.details = details;
  }
}
