import { HybridStoreError } from '@hybridstore/runtime';

/** Where in the text, counted from 1; `offset` counts UTF-16 units from 0. */
export type Position = { readonly line: number; readonly column: number; readonly offset: number };

/** `invalid_request` that names the place in the statement. */
export function refuseSql(
  message: string,
  position: Position | undefined,
  details: Readonly<Record<string, unknown>> = {},
): HybridStoreError {
  const place = position ? ` (line ${position.line}, column ${position.column})` : '';
  const where = position ? { line: position.line, column: position.column } : {};
  return new HybridStoreError('invalid_request', `${message}${place}`, { field: 'query', ...where, ...details });
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: [...before.slice(lineStart)].length + 1, offset };
}

/** A place that is counted out when somebody reads it: every column of a statement has one, and few are refused. */
export function positionLater(count: () => Position): Position {
  let counted: Position | undefined;
  const position = () => {
    counted ??= count();
    return counted;
  };
  return {
    get line() {
      return position().line;
    },
    get column() {
      return position().column;
    },
    get offset() {
      return position().offset;
    },
  };
}
