import { nodeMemoryBytesMin, spillBytesMin, type TenantSpec } from '@hybridstore/contracts';
import { quantityToNumber } from '@hybridstore/controller-runtime';

/**
 * What is wrong with the CPU and memory of nodes, as `field: expected …, found …`; undefined where nothing is. The API
 * server would take no pod that is promised more than it may use.
 */
export function findResourceProblem({ requests, limits }: TenantSpec['resources']): string | undefined {
  const [asked, most] = [quantityToNumber(String(requests.memory)), quantityToNumber(String(limits.memory))];
  if (most < nodeMemoryBytesMin)
    return `limits.memory: expected at least 128Mi, below which a node cannot start, found ${limits.memory}`;
  if (asked > most)
    return `requests.memory: expected at most limits.memory, ${limits.memory}, found ${requests.memory}`;
  if (limits.cpu !== undefined && quantityToNumber(String(requests.cpu)) > quantityToNumber(String(limits.cpu)))
    return `requests.cpu: expected at most limits.cpu, ${limits.cpu}, found ${requests.cpu}`;
  return undefined;
}

/** What is wrong with the size that a node may spill, in the same words. */
export function findSpillProblem({ size }: TenantSpec['storage']['spill']): string | undefined {
  const bytes = quantityToNumber(String(size));
  if (bytes === 0 || bytes >= spillBytesMin) return undefined;
  return `size: expected 0, which turns spilling off, or at least 64Mi, found ${size}`;
}
