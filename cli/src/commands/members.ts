import { type MemberList, type MemberView, tenantNode } from '@hybridstore/contracts';
import type { Connection } from '../connection.ts';
import { type Io, type Paint, paintFor } from '../io.ts';
import { formatCells, printable } from '../output/table.ts';

export type MembersFlags = { readonly output: 'table' | 'json' };

const columns = ['POD', 'STATE', 'SINCE', 'AWAY SINCE', 'UNFLUSHED ROWS', 'REASON'];
const unknown = '-';

/**
 * The nodes of a tenant, and which of them are away, as the node that answers has seen them. A member that is away fails
 * nothing: who asked for a list has got it, as with `kubectl get nodes`.
 */
export async function members(connection: Connection, flags: MembersFlags, io: Io): Promise<void> {
  const list = await connection.call(tenantNode.tenantMembers);
  if (flags.output === 'json') {
    io.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
    return;
  }
  io.stdout.write(`${formatMembers(list, paintFor(io.stdout, io.variables))}\n`);
  const away = list.members.filter(({ away_since }) => away_since !== null);
  if (away.length > 0) io.stdout.write(`\n${describeAway(away, await connection.tenant())}\n`);
}

function formatMembers({ members: all }: MemberList, paint: Paint): string {
  const rows = all.map((member) => [
    printable(member.pod),
    member.state,
    member.since_ms === null ? unknown : new Date(member.since_ms).toISOString(),
    // Coloured once it is clean: what cleans a text of control characters would take the colours for some.
    member.away_since === null ? unknown : paint.red(printable(member.away_since)),
    member.unflushed_rows === null ? unknown : String(member.unflushed_rows),
    printable(member.away_reason ?? ''),
  ]);
  return formatCells(
    columns.map((name) => ({ name, align: name === 'UNFLUSHED ROWS' ? 'right' : 'left' })),
    rows,
    paint,
  );
}

/** What does not work meanwhile, and the way out where a member never comes back. */
function describeAway(away: readonly MemberView[], tenant: string | undefined): string {
  const pods = away.map(({ pod }) => printable(pod));
  const [namespace, name] = tenant?.split('/') ?? ['NAMESPACE', 'NAME'];
  const isOne = pods.length === 1;
  return [
    `${pods.join(', ')} ${isOne ? 'is' : 'are'} away. Meanwhile strict reads are refused (consistency "committed" reads without`,
    `rows that are not flushed, "bounded(MS)" without the newest), so are writes whose batch id ${isOne ? 'it owns' : 'they own'}, and no new node can join.`,
    `A node that never comes back is given up, with the rows that only it holds:`,
    ...pods.map((pod) => `  kubectl annotate tenant ${name} -n ${namespace} hybridstore.dev/give-up-node=${pod}`),
  ].join('\n');
}
