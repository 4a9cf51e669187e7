import type { GiveUpResponse, GivingUp } from '@hybridstore/contracts';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import type { NodePort } from '../ports.ts';
import { ordinalOf, type TenantKey } from '../resources/names.ts';
import type { TenantWorld } from './world.ts';

/**
 * A node that is away keeps its rows, its batch ids and everybody's strict reads with it, and only a person knows that it
 * will not be back. He says so on the Tenant, twice, so that nobody loses rows by a slip:
 *
 *   hybridstore.dev/give-up-node: hs-acme-1       the operator asks the nodes that serve how many rows may be lost, and says it
 *   hybridstore.dev/give-up-node: hs-acme-1/312   that very number: they write down that it has left
 *
 * The number is what the node held when it last answered. Its volume stays: where it comes back, so do its rows.
 */
export const giveUpAnnotation = 'hybridstore.dev/give-up-node';

export type GiveUpInput = {
  readonly key: TenantKey;
  /** The annotation. */
  readonly request: string | undefined;
  readonly previous: GivingUp | undefined;
  readonly world: TenantWorld;
  readonly nodes: Pick<NodePort, 'giveUp'>;
};

/** One step of it; undefined where nobody asks for it. What cannot be done is said, never thrown. */
export async function passGiveUp(input: GiveUpInput): Promise<GivingUp | undefined> {
  const { request, previous, key, world } = input;
  if (request === undefined) return undefined;
  // Said once, done once: the node may be back since.
  if (previous?.request === request && previous.state === 'GivenUp') return previous;
  const target = parse(request);
  const refuse = (message: string): GivingUp => ({ request, state: 'Refused', message });
  if (target === undefined) return refuse('expected the name of a node, or name/rows to confirm');
  const ordinal = ordinalOf(key.name, target.pod);
  if (ordinal === undefined || ordinal >= (world.statefulSet?.spec?.replicas ?? 0))
    return refuse(`${target.pod} is no node of the tenant`);
  if (world.nodes.some(({ pod, isReady }) => pod === target.pod && isReady))
    return refuse(`${target.pod} is ready: only a node that is away can be given up`);
  const serving = world.nodes.filter(({ pod, isReady }) => isReady && pod !== target.pod).map(({ pod }) => pod);
  if (serving.length === 0) return refuse('no other node is ready, so none can take over');
  try {
    return await giveUp(input, request, target, serving);
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    return refuse(error.message);
  }
}

type Target = { readonly pod: string; readonly rows: number | undefined };

function parse(request: string): Target | undefined {
  const match = /^([a-z0-9][-a-z0-9.]{0,252})(?:\/(0|[1-9][0-9]{0,11}))?$/.exec(request);
  const [, pod, rows] = match ?? [];
  return pod === undefined ? undefined : { pod, rows: rows === undefined ? undefined : Number(rows) };
}

type Word = { readonly by: string; readonly answer: GiveUpResponse };

async function giveUp(
  { key, nodes }: GiveUpInput,
  request: string,
  { pod, rows }: Target,
  serving: readonly string[],
): Promise<GivingUp> {
  const words: Word[] = [];
  for (const by of serving) words.push({ by, answer: await nodes.giveUp(key, by, { pod }) });
  const worst = findWorst(words);
  if (worst.answer.given_up) return { request, state: 'GivenUp', pod, message: `${pod} has left already` };
  const atRisk = worst.answer.rows;
  const { namespace, name } = key;
  if (rows !== atRisk) {
    const confirm = `kubectl annotate --overwrite tenant ${name} -n ${namespace} ${giveUpAnnotation}=${pod}/${atRisk}`;
    const message = `giving up ${pod} may lose ${atRisk} rows${describeSighting(worst)}; to confirm: ${confirm}`;
    return { request, state: 'Asked', pod, rows: atRisk, message };
  }
  await nodes.giveUp(key, worst.by, { pod, rows: atRisk });
  return { request, state: 'GivenUp', pod, rows: atRisk, message: `${pod} is given up with ${atRisk} rows` };
}

/** The most rows that anybody has seen; who has never seen it says how many a node may hold. */
function findWorst(words: readonly Word[]): Word {
  const seen = words.filter(({ answer }) => answer.given_up || answer.member.unflushed_rows !== null);
  const [worst] = (seen.length > 0 ? seen : words).toSorted((a, b) => b.answer.rows - a.answer.rows);
  if (worst !== undefined) return worst;
  throw new HybridStoreError('unavailable', 'no node answers');
}

function describeSighting({ answer: { member } }: Word): string {
  if (member.unflushed_rows_at === null)
    return ', which is as many as a node may hold: nobody has asked it since its start';
  return ` that it acknowledged and no table held at ${member.unflushed_rows_at}, and what it acknowledged since`;
}
