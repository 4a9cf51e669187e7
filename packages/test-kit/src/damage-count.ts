import type { TestContext } from 'node:test';

/** What became of damage of one kind to files of one kind. A wrong answer is one that neither is right nor says what is damaged. */
export type DamageCount = {
  readonly file: string;
  readonly damage: 'flip' | 'truncation' | 'missing' | 'swapped' | 'I/O error' | 'kill' | 'power cut' | 'full volume';
  right: number;
  refused: number;
  wrong: number;
};

export type DamageOutcome = 'right' | 'refused' | 'wrong';

const marker = 'damage ';

export function countDamage(
  counts: Map<string, DamageCount>,
  { file, damage }: Pick<DamageCount, 'file' | 'damage'>,
  outcome: DamageOutcome,
  times = 1,
): void {
  const key = `${file}\n${damage}`;
  const count = counts.get(key) ?? { file, damage, right: 0, refused: 0, wrong: 0 };
  count[outcome] += times;
  counts.set(key, count);
}

/** As diagnostics of the test, which the crash suite adds up. */
export function reportDamage(context: Pick<TestContext, 'diagnostic'>, counts: Iterable<DamageCount>): void {
  for (const count of counts) context.diagnostic(`${marker}${JSON.stringify(count)}`);
}

/** The count in a diagnostic; undefined for one of another kind. */
export function parseDamage(diagnostic: string): DamageCount | undefined {
  if (!diagnostic.startsWith(marker)) return undefined;
  return JSON.parse(diagnostic.slice(marker.length)) as DamageCount; // written by `reportDamage`
}
