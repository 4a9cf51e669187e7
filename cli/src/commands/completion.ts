import type { Command } from 'commander';
import { kindNames } from '../resources/kind-names.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What can follow a command: its flags (with the words that a flag takes), and the words of its first argument. */
type Completed = {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly {
    readonly long: string;
    readonly description: string;
    readonly choices: readonly string[];
  }[];
  readonly words: readonly string[];
};

/** A completion script, made from the commands themselves. */
export function completion(program: Command, shell: Shell): string {
  const commands = program.commands.map((command) => describe(program, command));
  return { bash, zsh, fish }[shell](commands);
}

function describe(program: Command, command: Command): Completed {
  const own = [command, ...command.commands].flatMap(({ options }) => options);
  // Commands below one command share flags.
  const flags = [...new Map([...own, ...program.options].map((option) => [option.long, option])).values()]
    .filter((option) => !option.hidden && option.long)
    .map((option) => ({
      long: option.long ?? '',
      description: option.description,
      choices: option.argChoices ?? [],
    }));
  const [argument] = command.registeredArguments;
  const below = command.commands.map((one) => one.name());
  const words = argument?.name() === 'kind' ? kindNames : (argument?.argChoices ?? below);
  return { name: command.name(), description: command.description(), flags, words };
}

function bash(commands: readonly Completed[]): string {
  const cases = commands.map(
    ({ name, flags, words }) => `    ${name}) words="${[...words, ...flags.map((flag) => flag.long)].join(' ')}" ;;`,
  );
  const choices = commands.flatMap(({ name, flags }) =>
    flags
      .filter((flag) => flag.choices.length > 0)
      .map((flag) => `    "${name} ${flag.long}") words="${flag.choices.join(' ')}" ;;`),
  );
  return script(`
# bash completion of hybridstore: source <(npx hybridstore completion bash)
_hybridstore() {
  local words="" current="$2" previous="$3" command="" word
  for word in "@{COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in ${commands.map(({ name }) => name).join('|')}) command="$word"; break ;; esac
  done
  case "$command" in
    "") words="${commands.map(({ name }) => name).join(' ')}" ;;
${cases.join('\n')}
  esac
  case "$command $previous" in
${choices.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "@{#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _hybridstore hybridstore
`);
}

function zsh(commands: readonly Completed[]): string {
  const names = commands.map(({ name, description }) => `    ${quote(`${name}:${description.replaceAll(':', ' ')}`)}`);
  const cases = commands.map(({ name, flags, words }) => {
    const first = words.length > 0 ? ` ${quote(`1:word:(${words.join(' ')})`)}` : ` ${quote('*:file:_files')}`;
    const specs = flags.map((flag) => ` ${quote(`${flag.long}[${escapeSpec(flag.description)}]${specOf(flag)}`)}`);
    return `    ${name}) _arguments${specs.join('')}${first} ;;`;
  });
  return script(`
#compdef hybridstore
# zsh completion of hybridstore: source <(npx hybridstore completion zsh), after compinit
_hybridstore() {
  local -a commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join('\n')}
  esac
}
compdef _hybridstore hybridstore
`);
}

function specOf({ choices }: Completed['flags'][number]): string {
  return choices.length > 0 ? `:value:(${choices.join(' ')})` : '';
}

function escapeSpec(description: string): string {
  return description.replaceAll(/[[\]:]/g, ' ');
}

function fish(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ name, description, flags, words }) => {
    const inside = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c hybridstore -n __fish_use_subcommand -f -a ${name} -d ${quote(description)}`,
      ...(words.length > 0 ? [`complete -c hybridstore ${inside} -f -a '${words.join(' ')}'`] : []),
      ...flags.map(
        (flag) =>
          `complete -c hybridstore ${inside} -l ${flag.long.slice(2)} -d ${quote(flag.description)}${flag.choices.length > 0 ? ` -x -a '${flag.choices.join(' ')}'` : ''}`,
      ),
    ];
  });
  return script(`
# fish completion of hybridstore: npx hybridstore completion fish | source
${lines.join('\n')}
`);
}

/** For the shell, one word. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Shell expansions are written with `@` above, so that no template here looks like one of JavaScript's. */
function script(text: string): string {
  return text.trimStart().replaceAll('@{', '${');
}
