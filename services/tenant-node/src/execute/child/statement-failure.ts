import type { Failure } from '../messages.ts';
import type { NamedFile } from './statement-files.ts';

/** Ends a statement with what its node is sent as the reason. */
export class StatementFailure extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export const interrupted: Failure = { code: 'interrupted', message: 'the statement was stopped', details: {} };
/** What was cut off and does not fail when it is run again by itself: the engine says no more of it. */
export const cutOff: Failure = {
  code: 'too_large',
  message: 'the statement ran out of memory beside others',
  details: { limit: 'memory' },
};
export const viewGone: Failure = { code: 'view_gone', message: 'the view is older than the fresh rows', details: {} };

/** A file of a table that the engine cannot read as what it was written as. */
export function unreadableFile({ source, path }: NamedFile, internal: string): Failure {
  const file = path.slice(path.lastIndexOf('/') + 1);
  const message = `source ${source}: file ${file} is damaged`;
  return { code: 'corrupt', message, details: { source_id: source, file }, internal };
}

export function brokenText(): StatementFailure {
  const message = 'a text of the result is not valid UTF-8';
  return new StatementFailure({ code: 'corrupt', message, details: {}, internal: message });
}

export function noCharacterZero(): StatementFailure {
  const message = 'a text of the result has the character U+0000, which CSV has no place for; ask for another format';
  return new StatementFailure({ code: 'invalid_request', message, details: { format: 'csv' } });
}

export function tooLarge(limit: 'rows' | 'bytes', max: number): StatementFailure {
  const message = `the result has more than ${max} ${limit}`;
  return new StatementFailure({ code: 'too_large', message, details: { limit, max } });
}
