const textBytesMax = 8 * 1024 * 1024;
const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;

/**
 * Sums of the wanted metrics over their series, from the Prometheus text format 0.0.4. A metric that is not there is
 * absent; a value that is no number makes its sum NaN, which nobody trusts.
 */
export function sumMetrics(text: string, wanted: ReadonlySet<string>): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const each of text.slice(0, textBytesMax).split('\n')) {
    if (each.startsWith('#')) continue;
    const [, name = '', value = ''] = line.exec(each) ?? [];
    if (wanted.has(name)) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
