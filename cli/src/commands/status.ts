import { type HealthAll, monitoring, type TenantStats, tenantNode } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Connection } from '../connection.ts';
import { type Io, type Paint, paintFor } from '../io.ts';
import { formatCells, formatTable, printable } from '../output/table.ts';

export type StatusFlags = { readonly output: 'table' | 'json' };

const text = (name: string) => ({ name, type: 'string' });
const number = (name: string) => ({ name, type: 'bigint' });

/** Health of all services, and the tenant's sources with their sizes. Fails when a service is not healthy. */
export async function status(connection: Connection, flags: StatusFlags, io: Io): Promise<void> {
  const health = await connection.call(monitoring.healthAll);
  const tenant = await connection.tenant();
  const stats = tenant === undefined ? undefined : await connection.call(tenantNode.tenantStats);
  if (flags.output === 'json') io.stdout.write(`${JSON.stringify({ health, tenant: stats ?? null }, null, 2)}\n`);
  else {
    const paint = paintFor(io.stdout, io.variables);
    io.stdout.write(`${formatHealth(health, paint)}\n`);
    if (stats) io.stdout.write(`\n${formatTenant(stats, paint)}\n`);
  }
  const ill = health.services.filter((service) => service.status !== 'healthy');
  if (ill.length > 0)
    throw new HybridStoreError(
      'conflict',
      `${ill.length} of ${health.services.length} services are not healthy: ${ill.map((one) => one.instance).join(', ')}`,
    );
}

function formatHealth(health: HealthAll, paint: Paint): string {
  const stateOf = (state: string) => (state === 'healthy' ? paint.green(state) : paint.red(state));
  // Coloured once it is clean: what cleans a text of control characters would take the colours for some.
  const rows = health.services.map((service) => [
    ...[service.service, service.instance].map(printable),
    stateOf(service.status),
    printable(service.reasons.join('; ')),
  ]);
  return formatCells(
    ['SERVICE', 'INSTANCE', 'STATUS', 'REASONS'].map((name) => ({ name, align: 'left' })),
    rows,
    paint,
  );
}

function formatTenant(stats: TenantStats, paint: Paint): string {
  const active = stats.members.filter((member) => member.state === 'active').length;
  const columns = [text('SOURCE'), ...['ROWS', 'UNFLUSHED', 'FILES', 'BYTES', 'VERSION'].map(number)];
  const rows = stats.sources.map((source) => [
    source.source_id,
    source.rows,
    source.unflushed_rows,
    source.files,
    source.bytes,
    source.table_version,
  ]);
  const title = `${paint.bold(stats.tenant_id)}  ${active} active ${active === 1 ? 'node' : 'nodes'}`;
  return rows.length === 0 ? `${title}\nno sources` : `${title}\n${formatTable(columns, rows, paint)}`;
}
