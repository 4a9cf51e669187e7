/** The paths that printer columns use: `.a.b`, `[0]`, `['a.b']`, `[?(@.x=="y")]`. */
export function readJsonPath(root: unknown, path: string): unknown {
  const steps = path.match(/\[\?\(@\.[\w.]+==["'][^"']*["']\)\]|\[\d+\]|\['[^']*'\]|\.[\w-]+|\.?\w[\w-]*/g) ?? [];
  return steps.reduce((value: unknown, step) => readStep(value, step), root);
}

function readStep(value: unknown, step: string): unknown {
  const filter = /^\[\?\(@\.([\w.]+)==["']([^"']*)["']\)\]$/.exec(step);
  if (filter !== null)
    return Array.isArray(value)
      ? value.find((item) => String(readJsonPath(item, `.${filter[1]}`)) === filter[2])
      : undefined;
  const name = step.replace(/^\.|^\['?|'?\]$/g, '');
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined; // JSON
}
