import type { FrameBound, WindowFrame, WindowSpecification } from '@hybridstore/contracts';
import { Fields, isNode, type SyntaxNode } from '../syntax/syntax-tree.ts';
import type { BindContext } from './context.ts';
import type { Scope } from './scope.ts';
import { bindInnerSortKeys } from './sort-keys.ts';

export function nameWindows(items: readonly SyntaxNode[], context: BindContext): ReadonlyMap<string, SyntaxNode> {
  return new Map(
    items.map((item) => {
      const fields = Fields.of(item, 'window', context.text);
      const entry: [string, SyntaxNode] = [(fields.name('name') ?? '').toLowerCase(), fields.required('spec')];
      fields.finish();
      return entry;
    }),
  );
}

const nestedWindowsMax = 8;

/** OVER (…) or OVER name, with the window that it refines written out: plans name no windows. */
export function bindWindow(over: SyntaxNode, scope: Scope, context: BindContext, depth = 0): WindowSpecification {
  const fields = Fields.of(over, 'over', context.text);
  const name = fields.name('window_name');
  const base = name === undefined ? undefined : namedWindow(name, scope, context, { fields, depth });
  const partition = fields.list('partition_by').map((item) => context.bind(item, scope).node);
  const order = bindInnerSortKeys(fields.list('order_by'), scope, context);
  const frame = fields.optional('frame');
  fields.finish();
  if (base && partition.length > 0) throw fields.refuse(`window ${name} cannot get another PARTITION BY`);
  if (base && base.orderBy.length > 0 && order.length > 0)
    throw fields.refuse(`window ${name} has an ORDER BY already`);
  const bound = frame ? bindFrame(frame, scope, context) : base?.frame;
  return {
    partitionBy: base ? base.partitionBy : partition,
    orderBy: order.length > 0 ? order : (base?.orderBy ?? []),
    ...(bound ? { frame: bound } : {}),
  };
}

function namedWindow(
  name: string,
  scope: Scope,
  context: BindContext,
  place: { readonly fields: Fields; readonly depth: number },
): WindowSpecification {
  const spec = scope.windows?.get(name.toLowerCase());
  if (!spec || place.depth > nestedWindowsMax)
    throw place.fields.refuse(`window ${name} does not exist`, { expected: [...(scope.windows?.keys() ?? [])] });
  return bindWindow(spec, scope, context, place.depth + 1);
}

const units: Readonly<Record<string, WindowFrame['unit']>> = { Rows: 'rows', Range: 'range', Groups: 'groups' };
const exclusions: Readonly<Record<string, WindowFrame['exclude']>> = {
  NoOthers: undefined,
  CurrentRow: 'current_row',
  Group: 'group',
  Ties: 'ties',
};

function bindFrame(frame: SyntaxNode, scope: Scope, context: BindContext): WindowFrame {
  const fields = Fields.of(frame, 'frame', context.text);
  const unit = units[String(fields.value('kind'))];
  const start = bindBound(fields.value('start'), fields, scope, context);
  const end = fields.value('end');
  const exclude = fields.text('exclude') ?? 'NoOthers';
  fields.finish();
  if (!unit || !Object.hasOwn(exclusions, exclude)) throw fields.refuse('this window frame is not supported');
  const excluded = exclusions[exclude];
  return {
    unit,
    start,
    end: end === undefined || end === null ? { kind: 'current_row' } : bindBound(end, fields, scope, context),
    ...(excluded ? { exclude: excluded } : {}),
  };
}

const plainBounds: Readonly<Record<string, FrameBound>> = {
  UnboundedPreceding: { kind: 'unbounded_preceding' },
  UnboundedFollowing: { kind: 'unbounded_following' },
  CurrentRow: { kind: 'current_row' },
};

function bindBound(bound: unknown, fields: Fields, scope: Scope, context: BindContext): FrameBound {
  const plain = typeof bound === 'string' ? plainBounds[bound] : undefined;
  if (plain) return plain;
  if (isNode(bound)) {
    for (const [key, kind] of [
      ['Preceding', 'preceding'],
      ['Following', 'following'],
    ] as const) {
      const value = bound[key];
      if (isNode(value) && Object.keys(bound).length === 1) return { kind, value: context.bind(value, scope).node };
    }
  }
  throw fields.refuse('this bound of a window frame is not supported');
}
