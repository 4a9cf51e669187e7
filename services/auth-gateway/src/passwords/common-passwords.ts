import { dictionary } from '@zxcvbn-ts/language-common';
import type { IsCommonPassword } from '../domain/password-rules.ts';

/** About 49,000 passwords of published breaches, in lower case; read once. */
export function loadCommonPasswords(): IsCommonPassword {
  const passwords: ReadonlySet<string> = new Set(dictionary['passwords-common']);
  return (text) => passwords.has(text);
}
