import { withoutComments } from './imports.ts';

/**
 * Whether a TypeScript text defines the function `name` (`#name` for a private method): as a function, as a method with a
 * body, or as a constant or a property that holds one. A call, a mention, an import, an export from elsewhere and the
 * signature of an interface are no definition. The text is formatted as this repository is: that keeps the patterns plain.
 */
export function definesFunction(text: string, name: string): boolean {
  const code = withoutComments(text);
  const escaped = RegExp.escape(name);
  const declared = new RegExp(`^\\s*(?:export )?(?:async )?function\\*? ?${escaped}\\b`, 'm');
  const held = new RegExp(
    `^\\s*(?:export )?(?:(?:const|readonly|static) )*${escaped}(?:: [^=\\n]+)? ?[=:] ?(?:async )?(?:function\\b|<|\\()`,
    'm',
  );
  return declared.test(code) || held.test(code) || hasMethod(code, escaped);
}

export function definesClass(text: string, name: string): boolean {
  return new RegExp(`^\\s*(?:export )?(?:abstract )?class ${RegExp.escape(name)}\\b`, 'm').test(withoutComments(text));
}

/** A name at the start of a line whose parentheses are followed by a body on the line where they end. */
function hasMethod(code: string, escaped: string): boolean {
  const start = new RegExp(`^ +(?:(?:static|async|get|set|override) )*\\*?${escaped}(?:<[^\\n(]*>)?\\(`, 'gm');
  for (const match of code.matchAll(start)) {
    const end = closingParenthesis(code, match.index + match[0].length);
    const rest = code.slice(end + 1, code.indexOf('\n', end + 1));
    if (/^(?:: .*)? ?\{$/.test(rest.trimEnd())) return true;
  }
  return false;
}

/** The place of the parenthesis that closes the one before `from`. */
function closingParenthesis(code: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; at < code.length && depth > 0; at += 1) depth += code[at] === '(' ? 1 : code[at] === ')' ? -1 : 0;
  return at - 1;
}
