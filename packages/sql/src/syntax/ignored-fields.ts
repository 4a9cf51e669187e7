/**
 * Fields of the parser's nodes that no rule reads, because they say how a statement is written and never what it means.
 * Each has its reason. A field that stands neither here nor in a rule refuses the statement when it holds anything.
 */
type Reasons = Readonly<Record<string, string>>;

const comment = 'a comment means nothing';
const spelling = (same: string): string => `${same} means the same`;

/** The same in every node that has them. */
const everywhere: Reasons = {
  span: 'the place in the text, for messages',
  inferred_type: "the parser's own guess; the binder decides on types itself",
  quoted: 'names are looked up the same with and without quotes',
  original_name:
    'the kind of the node says which function is called; names that differ in meaning are kept apart before',
  comments: comment,
  trailing_comments: comment,
  left_comments: comment,
  operator_comments: comment,
  leading_comments: comment,
  pre_alias_comments: comment,
  post_select_comments: comment,
};

const alias: Reasons = {
  alias_explicit_as: spelling('an alias without AS'),
  alias_keyword: spelling('AS in any case of its letters'),
};
const cast: Reasons = { double_colon_syntax: spelling('CAST(a AS b) and a::b') };

const byKind: Readonly<Record<string, Reasons>> = {
  alias,
  subquery: alias,
  table: alias,
  cast,
  try_cast: cast,
  select: { qualify_after_window: spelling('QUALIFY before or behind WINDOW') },
  join: {
    use_inner_keyword: spelling('JOIN and INNER JOIN'),
    use_outer_keyword: spelling('LEFT JOIN and LEFT OUTER JOIN'),
    nesting_group: 'how the parser would print it again; nested joins themselves are refused',
  },
  ordered: { explicit_asc: spelling('no direction and ASC') },
  cte: {
    materialized: 'when it is computed, never what it holds',
    alias_first: spelling('the order of name and query'),
  },
  frame: {
    kind_text: spelling('the unit in any case of its letters'),
    start_side_text: spelling('the side in any case of its letters'),
    end_side_text: spelling('the side in any case of its letters'),
  },
  fetch: { direction: spelling('FIRST and NEXT'), rows: spelling('ROW and ROWS') },
  offset: { rows: spelling('OFFSET 1 and OFFSET 1 ROWS') },
  union: { distinct: 'the default, and the parser sets it or `all`' },
  intersect: { distinct: 'the default, and the parser sets it or `all`' },
  except: { distinct: 'the default, and the parser sets it or `all`' },
  trim: {
    position_explicit: spelling('TRIM(a) and TRIM(BOTH FROM a)'),
    sql_standard_syntax: spelling('TRIM(a, b) and TRIM(b FROM a)'),
  },
  substring: { from_for_syntax: spelling('SUBSTRING(a, 1) and SUBSTRING(a FROM 1)') },
  is_null: { postfix_form: spelling('IS NULL and ISNULL') },
  array_func: { bracket_notation: spelling('ARRAY[a] and [a]') },
  function: { no_parens: spelling('CURRENT_DATE and CURRENT_DATE()') },
  unit: { use_plural: spelling('DAY and DAYS') },
  type: {
    integer_spelling: spelling('INT and INTEGER'),
    real_spelling: 'read where REAL and FLOAT differ',
  },
  collation: {
    double_quoted: 'a name of a collation in either kind of quotes',
    quoted: 'a name of a collation in either kind of quotes',
  },
  map_func: { curly_brace_syntax: 'the keyword MAP decides, which is read' },
};

/** Why a field of this kind of node may be left unread; undefined where none may. */
export function reasonToIgnore(kind: string, field: string): string | undefined {
  const own = byKind[kind];
  if (own && Object.hasOwn(own, field)) return own[field];
  return Object.hasOwn(everywhere, field) ? everywhere[field] : undefined;
}
