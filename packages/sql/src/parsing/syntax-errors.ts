/**
 * What a parser says of a text that it cannot read, in the words of whoever wrote it: its own are names of its tokens
 * (`Expected RParen, got Var`). A closed list: what stands in none of these is said in general.
 */
const symbols: Readonly<Record<string, string>> = {
  LParen: '(',
  RParen: ')',
  LBracket: '[',
  RBracket: ']',
  LBrace: '{',
  RBrace: '}',
  Comma: ',',
  Eq: '=',
  Dot: '.',
};
const keywords: ReadonlySet<string> = new Set(
  'And As By Case Else End From Group In Into Is Join Like Not Null On Or Order Over Select Set Then Using Values When Where With'.split(
    ' ',
  ),
);
const others: Readonly<Record<string, string>> = {
  identifier: 'a name',
  'table name or subquery': 'a table or a query in parentheses',
  'number or identifier after $': 'a number or a name behind $',
};
/** `near`: what stands at the place in the user's text. */
export function describeSyntaxError(reason: string, near: string | undefined): string {
  const place = near === undefined ? 'syntax error' : `syntax error near ${JSON.stringify(near)}`;
  const expected = readExpected(/^Expected (.*?), got /s.exec(reason)?.[1] ?? '');
  return expected === undefined ? `${place}: the statement cannot be read from here` : `${place}: expected ${expected}`;
}

function readExpected(token: string): string | undefined {
  if (Object.hasOwn(symbols, token)) return symbols[token];
  return keywords.has(token) ? token.toUpperCase() : Object.hasOwn(others, token) ? others[token] : undefined;
}

const nearCharactersMax = 40;

/** The word, number or sign at an offset of a text; undefined where the text has ended. */
export function wordAt(text: string, offset: number): string | undefined {
  let from = Math.min(offset, text.length - 1);
  while (from > 0 && /\s/.test(text[from] ?? '')) from -= 1;
  while (from > 0 && isOfWord(text[from]) && isOfWord(text[from - 1])) from -= 1;
  const [word] = /^(?:[\p{L}\p{N}_$]+|\S)/u.exec(text.slice(from, from + nearCharactersMax)) ?? [];
  return word;
}

function isOfWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_$]/u.test(character);
}
