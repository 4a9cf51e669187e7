import type { ChildProtocol } from '../../src/index.ts';

export type EchoOptions = { readonly greeting: string; readonly isBroken?: boolean };
export type EchoRequest =
  | { readonly kind: 'echo' | 'environment' | 'fail' | 'refuse' | 'exit' | 'stall' | 'ignore-signals' }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'raw'; readonly isLast: boolean }
  | { readonly kind: 'allocate'; readonly bytes: number };
export type EchoAnswer =
  | { readonly kind: 'echo'; readonly served: number; readonly greeting: string }
  | {
      readonly kind: 'environment';
      readonly variables: Readonly<Record<string, string | undefined>>;
      readonly priority: number;
    };

export const echoProtocol: ChildProtocol = {
  name: 'echo',
  version: 3,
  bounds: { messageBytesMax: 1024 * 1024, queuedBytesMax: 4 * 1024 * 1024 },
};
