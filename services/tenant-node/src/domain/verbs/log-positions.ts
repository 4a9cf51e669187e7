import { type LogPositions, logPositionsMax } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';
import { requireReplayed } from './fetch-fresh.ts';

export type PositionPorts = Pick<TenantNode, 'tenantId'> & {
  readonly engine: Pick<Engine, 'appId' | 'positions' | 'notReadyReasons'>;
};

/** How far this node has acknowledged rows, for members that may have to answer without it. */
export function logPositions(node: PositionPorts, call: Call): LogPositions {
  requireOwnTenant(node, call);
  requireReplayed(node);
  const positions = node.engine
    .positions()
    .toSorted((a, b) => Number(isFlushed(a)) - Number(isFlushed(b)))
    .slice(0, logPositionsMax)
    .map(({ sourceId, location, acknowledgedLsn, committedLsn }) => ({
      source_id: sourceId,
      location,
      acknowledged_lsn: acknowledgedLsn,
      committed_lsn: committedLsn,
    }));
  return { app_id: node.engine.appId, positions };
}

function isFlushed(position: { readonly acknowledgedLsn: number; readonly committedLsn: number }): boolean {
  return position.acknowledgedLsn <= position.committedLsn;
}
