import type { HealthAll, ServiceHealth, TokenClaims } from '@hybridstore/contracts';
import { type Sighting, summarize } from './health-board.ts';

/**
 * What a caller may see of the platform's health. The shared services: everybody. Nodes of a tenant, whose names show who
 * is a tenant here: callers whose token is for that tenant, and platform administrators. To others the nodes they may not
 * see are one line together, so that the word `healthy` means the same to all. Addresses, versions and reasons, from which
 * an attack would choose its way, are for callers who may do something here.
 */
export function viewHealth(sightings: readonly Sighting[], claims: TokenClaims | undefined): HealthAll {
  const isVisible = ({ tenantId }: Sighting) =>
    tenantId === undefined || claims?.platform_admin === true || claims?.tenant === tenantId;
  const hidden = sightings.filter((one) => !isVisible(one)).map((one) => one.health);
  const visible = sightings.filter(isVisible).map(({ health }) => (isKnown(claims) ? health : outline(health)));
  return summarize(hidden.length === 0 ? visible : [...visible, summarizeHidden(hidden)]);
}

/** Anybody may register, which by itself gives a token without a right. */
function isKnown(claims: TokenClaims | undefined): boolean {
  return claims?.platform_admin === true || (claims?.permissions ?? []).length > 0;
}

function outline(health: ServiceHealth): ServiceHealth {
  return { ...health, url: '', version: null, reasons: [] };
}

function summarizeHidden(nodes: readonly ServiceHealth[]): ServiceHealth {
  const healthy = nodes.filter((node) => node.status === 'healthy').length;
  const isAnyUp = nodes.some((node) => node.status !== 'unreachable');
  const oldest = nodes.reduce((a, b) => (a.checked_at <= b.checked_at ? a : b));
  return {
    service: 'tenant-node',
    instance: 'all',
    url: '',
    status: healthy === nodes.length ? 'healthy' : isAnyUp ? 'not_ready' : 'unreachable',
    checked_at: oldest.checked_at,
    elapsed_ms: Math.max(...nodes.map((node) => node.elapsed_ms)),
    version: null,
    reasons: healthy === nodes.length ? [] : [`${nodes.length - healthy} of ${nodes.length} nodes are not healthy`],
  };
}
