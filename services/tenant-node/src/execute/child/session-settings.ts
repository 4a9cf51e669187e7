import { quoteText } from '@hybridstore/engine/duckdb';
import type { SessionOptions } from '../messages.ts';

/** What is set before the first statement, the lock last: afterwards no statement changes any of it. */
export function lockedSettings({ filesFolder, memoryLimit }: SessionOptions): readonly string[] {
  return [
    `SET memory_limit = ${quoteText(memoryLimit)}`,
    "SET TimeZone = 'UTC'",
    'SET errors_as_json = true',
    "SET temp_directory = ''",
    'SET allocator_background_threads = true',
    'SET autoinstall_known_extensions = false',
    'SET autoload_known_extensions = false',
    'SET allow_community_extensions = false',
    // Only what lies below it: without the slash, folders whose names begin alike could be read too.
    `SET allowed_directories = [${quoteText(`${filesFolder}/`)}]`,
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ];
}
