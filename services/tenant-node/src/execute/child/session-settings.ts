import { quoteText } from '@hybridstore/engine/duckdb';
import type { SessionOptions } from '../messages.ts';

/**
 * Rewrites of the pinned engine that give wrong answers (docs/internals/engine-defects.md): parts of a UNION ALL that only
 * look alike are taken for the same; what a join looks for is filtered below a LIMIT, which then finds other rows; rows of
 * a top-n by window functions are lost. Joins were measured without them, and are not slower.
 */
const wrongOptimizers = ['common_subplan', 'join_filter_pushdown', 'top_n_window_elimination'];
/**
 * It reads the other columns of a LIMIT's rows in a second scan, which only `join_filter_pushdown` keeps short: without that
 * one it reads the whole table.
 */
const idleOptimizers = ['late_materialization'];

/** What is set before the first statement, the lock last: afterwards no statement changes any of it. */
export function lockedSettings({ filesFolder, memoryLimit, spill }: SessionOptions): readonly string[] {
  return [
    `SET memory_limit = ${quoteText(memoryLimit)}`,
    "SET TimeZone = 'UTC'",
    'SET errors_as_json = true',
    `SET disabled_optimizers = ${quoteText([...wrongOptimizers, ...idleOptimizers].join(','))}`,
    // For every connection: without GLOBAL it would be this one's own. What is kept of a file counts as the engine's memory and
    // is given up for others; it is asked for only after the file has been opened, and not where the file has changed since.
    'SET GLOBAL parquet_metadata_cache = true',
    `SET temp_directory = ${quoteText(spill?.folder ?? '')}`,
    ...(spill ? [`SET max_temp_directory_size = '${spill.bytesMax}B'`] : []),
    'SET allocator_background_threads = true',
    'SET autoinstall_known_extensions = false',
    'SET autoload_known_extensions = false',
    'SET allow_community_extensions = false',
    // Only what lies below it: without the slash, folders whose names begin alike could be read too. The engine adds the
    // folder that it spills to by itself, for the same checks stand before its own files.
    `SET allowed_directories = [${quoteText(`${filesFolder}/`)}]`,
    'SET enable_external_access = false',
    // Each connection has its own, which has to be set after the lock: the one that no harm comes of.
    `SET allowed_configs = ['${streamingBuffer}']`,
    'SET lock_configuration = true',
  ];
}

const streamingBuffer = 'streaming_buffer_size';

/**
 * What every connection for statements sets first. The engine hands out the first rows when it has so much of them; its own
 * choice of a megabyte would take three times as long. No row more or less is computed for it.
 */
export const connectionSetting = `SET ${streamingBuffer} = '128KiB'`;
