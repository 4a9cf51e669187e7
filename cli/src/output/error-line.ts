import { isHybridStoreError } from '@hybridstore/runtime';

/** What to do about an error, where its code says more than its message. */
const hints: Readonly<Record<string, string>> = {
  unauthenticated: 'log in with --username and --password-file, or give a --token',
  forbidden: 'ask an administrator of the tenant for a role that permits it',
  unavailable: 'is the platform up? npm start starts one here, hybridstore status shows it',
  overloaded: 'try again in a moment',
  deadline_exceeded: 'try again, or give it more time with --timeout',
};

/** One line, whatever the error is: no stack, no line break. */
export function formatErrorLine(error: unknown): string {
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const hint = isHybridStoreError(error) ? hints[error.code] : undefined;
  return hint === undefined ? message : `${message} (${hint})`;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}
