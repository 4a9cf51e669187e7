/** A series as an expression names it, and the labels by which it picks. */
export type Selector = { readonly metric: string; readonly labels: readonly string[] };

const words: ReadonlySet<string> = new Set(['and', 'or', 'unless', 'offset', 'bool']);

/**
 * The series that a PromQL expression reads, and the labels that it groups or joins by. No parser: texts, ranges and
 * groupings are taken out, and what is left as a name is a metric, unless it is called or an operator. Pure.
 */
export function readExpression(expression: string): {
  readonly selectors: readonly Selector[];
  readonly grouped: readonly string[];
} {
  const grouped: string[] = [];
  const bare = expression
    .replaceAll(/"(?:\\.|[^"\\])*"/g, '""')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_whole, labels: string) => {
      grouped.push(...labels.split(',').map((label) => label.trim()));
      return '';
    });
  const names = [...bare.matchAll(/([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\}|(\())?/g)];
  const selectors = names
    .filter(([, name = '', , call]) => call === undefined && !words.has(name))
    .map(([, metric = '', matchers = '']) => ({
      metric,
      labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }));
  return { selectors, grouped };
}
