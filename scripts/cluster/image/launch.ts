import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * First program of the services image: becomes the service that the container's first argument names. By execve, so the
 * service is process 1 itself and gets its signals.
 */
const exitUsage = 64;
const folder = fileURLToPath(new URL('./services', import.meta.url));

const [service = '', ...args] = process.argv.slice(2);
const entry = `${folder}/${service}/src/main.js`;
if (!/^[a-z][a-z0-9-]*$/.test(service) || !existsSync(entry)) {
  const known = readdirSync(folder).sort().join(', ');
  console.error(`expected the name of a service as first argument (${known}), found "${service}"`);
  process.exit(exitUsage);
}
if (process.execve === undefined) throw new Error('this Node has no process.execve');
process.execve(process.execPath, [process.execPath, ...process.execArgv, ...boundHeap(), entry, ...args], process.env);

/** Node would take half of the container for it; a quarter is what a node's memory is shared out with (`memory-shares.ts`). */
function boundHeap(): string[] {
  const bytes = Number(process.env['MEMORY_BYTES_MAX'] ?? '');
  return bytes > 0 ? [`--max-old-space-size=${Math.max(128, Math.floor(bytes / 4 / 1024 ** 2))}`] : [];
}
