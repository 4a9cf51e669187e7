/** `/apis/apps/v1/namespaces/default/statefulsets/x/status` taken apart. */
export type ResourcePath = {
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
};

/** Undefined when the path names no resource (discovery, health, nonsense). */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const steps = path
    .split('/')
    .filter((step) => step !== '')
    .map(decodeStep);
  if (steps.some((step) => step === undefined)) return undefined;
  const [root, ...rest] = steps as string[]; // checked in the line above
  if (root === 'api' && rest.length >= 2) return parseScope(rest[0] ?? '', rest.slice(1));
  if (root === 'apis' && rest.length >= 3) return parseScope(`${rest[0]}/${rest[1]}`, rest.slice(2));
  return undefined;
}

function decodeStep(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined; // a malformed escape names nothing
  }
}

function parseScope(apiVersion: string, steps: readonly string[]): ResourcePath | undefined {
  // `/namespaces/x` is the object, `/namespaces/x/pods` a collection within it; status and finalize are the object's own.
  const isScoped = steps[0] === 'namespaces' && steps.length >= 3 && !['status', 'finalize'].includes(steps[2] ?? '');
  const [plural, name, subresource, ...more] = isScoped ? steps.slice(2) : steps;
  if (plural === undefined || more.length > 0) return undefined;
  return {
    apiVersion,
    plural,
    ...(isScoped && steps[1] !== undefined ? { namespace: steps[1] } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}
