import { type HealthAll, monitoring, type TenantStats, tenantNode } from '@hybridstore/contracts';
import colors from 'picocolors';
import type { Connection } from '../connection.ts';
import { formatTable } from '../output/table.ts';

const text = (name: string) => ({ name, type: 'string' });
const number = (name: string) => ({ name, type: 'bigint' });

/** Health of all services, and the tenant's sources with their sizes. */
export async function status(connection: Connection): Promise<void> {
  const health = await connection.call<HealthAll>(monitoring.healthAll);
  const stats =
    connection.settings.tenant === undefined ? undefined : await connection.call<TenantStats>(tenantNode.tenantStats);
  if (connection.settings.flags.output === 'json') {
    process.stdout.write(`${JSON.stringify({ health, tenant: stats }, null, 2)}\n`);
    return;
  }
  const paint = (state: string) => (state === 'healthy' ? colors.green(state) : colors.red(state));
  const services = health.services.map((service) => [
    service.service,
    service.instance,
    paint(service.status),
    service.reasons.join('; '),
  ]);
  process.stdout.write(`${formatTable(['SERVICE', 'INSTANCE', 'STATUS', 'REASONS'].map(text), services)}\n`);
  if (stats) printTenant(stats);
  if (health.status !== 'healthy') process.exitCode = 1;
}

function printTenant(stats: TenantStats): void {
  process.stdout.write(
    `\n${colors.bold(stats.tenant_id)}  ${stats.members.filter((member) => member.state === 'active').length} active nodes\n`,
  );
  const rows = stats.sources.map((source) => [
    source.source_id,
    source.rows,
    source.unflushed_rows,
    source.files,
    source.bytes,
    source.table_version,
  ]);
  process.stdout.write(
    `${formatTable([text('SOURCE'), number('ROWS'), number('UNFLUSHED'), number('FILES'), number('BYTES'), number('VERSION')], rows)}\n`,
  );
}
