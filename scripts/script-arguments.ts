import { parseArgs } from 'node:util';

/** A script that people call, as `--help` shows it: what it does, and all that can be said to it. */
export type Script<Options extends ScriptOptions = ScriptOptions> = {
  /** As it is called: `npm run bench --`. */
  readonly call: string;
  readonly does: string;
  readonly options?: Options;
  /** What may follow the options; absent: nothing may. */
  readonly rest?: { readonly name: string; readonly does: string };
  readonly variables?: Readonly<Record<string, string>>;
};
/** `value` names what follows an option of text. */
export type ScriptOption =
  | { readonly type: 'boolean'; readonly does: string }
  | { readonly type: 'string'; readonly value: string; readonly does: string };
export type ScriptOptions = Readonly<Record<string, ScriptOption>>;

export type ScriptArguments<Options extends ScriptOptions> = {
  readonly values: {
    readonly [Name in keyof Options]?: Options[Name]['type'] extends 'boolean' ? boolean : string;
  };
  readonly rest: readonly string[];
};
export type ParsedArguments<Options extends ScriptOptions> =
  | ({ readonly kind: 'arguments' } & ScriptArguments<Options>)
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'wrong'; readonly text: string };

/** The arguments of a script; with `--help`, or when they are wrong, the process ends here, before anything was done. */
export function readScriptArguments<const Options extends ScriptOptions>(
  script: Script<Options>,
  argv: readonly string[],
): ScriptArguments<Options> {
  const parsed = parseScriptArguments(script, argv);
  if (parsed.kind === 'arguments') return parsed;
  const isHelp = parsed.kind === 'help';
  (isHelp ? process.stdout : process.stderr).write(parsed.text);
  process.exit(isHelp ? 0 : 2);
}

export function parseScriptArguments<const Options extends ScriptOptions>(
  script: Script<Options>,
  argv: readonly string[],
): ParsedArguments<Options> {
  const options = { ...script.options, help: { type: 'boolean' } } as const;
  const allowPositionals = script.rest !== undefined;
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals });
    if (values['help'] === true) return { kind: 'help', text: describeScript(script) };
    // By the types of the options, which the library's own types lose in the spread.
    return { kind: 'arguments', values: values as ScriptArguments<Options>['values'], rest: positionals };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('. ')[0] : String(error);
    const known = Object.keys(options).map((name) => `--${name}`);
    return { kind: 'wrong', text: `${script.call}: ${reason}; expected ${known.join(', ')}\n` };
  }
}

export function describeScript({ call, does, options = {}, rest, variables = {} }: Script): string {
  const lines = Object.entries(options).map(
    ([name, option]) => [option.type === 'string' ? `--${name} ${option.value}` : `--${name}`, option.does] as const,
  );
  const parts = [
    ...(rest === undefined ? [] : [section('arguments', [[rest.name, rest.does]])]),
    section('options', [...lines, ['--help', 'show this']]),
    ...(Object.keys(variables).length === 0 ? [] : [section('environment', Object.entries(variables))]),
  ];
  return `${does}\n\nusage: ${call} [options]${rest === undefined ? '' : ` ${rest.name}`}\n\n${parts.join('\n')}`;
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return `${title}:\n${rows.map(([name, does]) => `  ${name.padEnd(width)}${does}\n`).join('')}`;
}
