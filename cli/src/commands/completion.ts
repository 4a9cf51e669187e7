import { tenantNode } from '@hybridstore/contracts';
import type { Command } from 'commander';
import type { Connection } from '../connection.ts';
import type { Io } from '../io.ts';
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
    /** Takes the id of a source. */
    readonly isSource: boolean;
  }[];
  readonly words: readonly string[];
  /** Behind its first word, a kind, come names of objects. */
  readonly takesNames: boolean;
};

/** Flags that say which platform is meant: the question for names is asked of the same. */
const platformFlags = '--data-dir|--kubeconfig|--gateway|-t|--tenant|--token|--username|--password-file';

/** What the scripts ask for at a TAB behind `--source`: a source a line. */
export async function printSources(connection: Connection, io: Io): Promise<void> {
  const { sources } = await connection.call(tenantNode.listSources);
  io.stdout.write(sources.map(({ source_id: id }) => `${id}\n`).join(''));
}

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
      isSource: option.long === '--source',
    }));
  const [argument] = command.registeredArguments;
  const below = command.commands.map((one) => one.name());
  const words = argument?.name() === 'kind' ? kindNames : (argument?.argChoices ?? below);
  const takesNames = argument?.name() === 'kind';
  return { name: command.name(), description: command.description(), flags, words, takesNames };
}

/** Names are asked of the platform; everything else is in the script. `npx hybridstore` is completed as `hybridstore` is. */
function bash(commands: readonly Completed[]): string {
  const cases = commands.map(
    ({ name, flags, words }) => `    ${name}) words="${[...words, ...flags.map((flag) => flag.long)].join(' ')}" ;;`,
  );
  const choices = commands.flatMap(({ name, flags }) =>
    flags
      .filter((flag) => flag.choices.length > 0)
      .map((flag) => `    "${name} ${flag.long}") words="${flag.choices.join(' ')}" ;;`),
  );
  const withNames = commands.filter(({ takesNames }) => takesNames).map(({ name }) => name);
  const isKind = [...new Set(commands.filter(({ takesNames }) => takesNames).flatMap(({ words }) => words))].join('|');
  return script(`
# bash completion of hybridstore: source <(npx hybridstore completion bash)
_hybridstore() {
  local words="" current="$2" previous="$3" command="" kind="" namespace="" word before="" given=()
  for word in "@{COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$before" in
      ${platformFlags}) given+=("$before" "$word") ;;
      -n|--namespace) namespace="$word" ;;
    esac
    case "$command" in
      "") case "$word" in ${commands.map(({ name }) => name).join('|')}) command="$word" ;; esac ;;
      ${withNames.join('|')}) case "$word" in ${isKind}) kind="@{kind:-$word}" ;; esac ;;
    esac
    before="$word"
  done
  case "$command" in
    "") words="${commands.map(({ name }) => name).join(' ')}" ;;
${cases.join('\n')}
  esac
  case "$command $previous" in
${choices.join('\n')}
    *" --source"|"load -s") words="$("@{_hybridstore_program[@]:-hybridstore}" "@{given[@]}" completion sources 2>/dev/null)" ;;
    *) [ -z "$kind" ] || [ "@{current#-}" != "$current" ] ||
      words="$("@{_hybridstore_program[@]:-hybridstore}" "@{given[@]}" get "$kind" -n "@{namespace:-default}" -o name 2>/dev/null)" ;;
  esac
  COMPREPLY=($(compgen -W "@{words//$kind\\//}" -- "$current"))
  [ "@{#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
_hybridstore_npx() {
  [ "@{COMP_WORDS[1]}" = hybridstore ] && [ "$COMP_CWORD" -gt 1 ] || return
  local _hybridstore_program=(npx hybridstore)
  COMP_WORDS=("@{COMP_WORDS[@]:1}")
  COMP_CWORD=$((COMP_CWORD - 1))
  _hybridstore hybridstore "$2" "$3"
}
complete -F _hybridstore hybridstore
complete -o default -F _hybridstore_npx npx
`);
}

function zsh(commands: readonly Completed[]): string {
  const names = commands.map(({ name, description }) => `    ${quote(`${name}:${description.replaceAll(':', ' ')}`)}`);
  const cases = commands.map(({ name, flags, words, takesNames }) => {
    const first = words.length > 0 ? ` ${quote(`1:word:(${words.join(' ')})`)}` : ` ${quote('*:file:_files')}`;
    const rest = takesNames ? ` ${quote('*:name:_hybridstore_names')}` : '';
    const specs = flags.map((flag) => ` ${quote(`${flag.long}[${escapeSpec(flag.description)}]${specOf(flag)}`)}`);
    return `    ${name}) _arguments${specs.join('')}${first}${rest} ;;`;
  });
  return script(`
#compdef hybridstore
# zsh completion of hybridstore: source <(npx hybridstore completion zsh), after compinit
_hybridstore_names() {
  local kind="@{words[(r)(${kindNames.join('|')})]}"
  compadd -- @{@{(f)"$("@{_hybridstore_program[@]:-hybridstore}" get "$kind" -o name 2>/dev/null)"}#*/}
}
_hybridstore_sources() {
  compadd -- @{(f)"$("@{_hybridstore_program[@]:-hybridstore}" completion sources 2>/dev/null)"}
}
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
_hybridstore_npx() {
  if [[ "$words[2]" != hybridstore ]] || (( CURRENT == 2 )); then _files; return; fi
  local -a _hybridstore_program=(npx hybridstore)
  shift words
  (( CURRENT-- ))
  _hybridstore
}
compdef _hybridstore hybridstore
compdef _hybridstore_npx npx
`);
}

function specOf({ choices, isSource }: Completed['flags'][number]): string {
  if (isSource) return ':source:_hybridstore_sources';
  return choices.length > 0 ? `:value:(${choices.join(' ')})` : '';
}

function escapeSpec(description: string): string {
  return description.replaceAll(/[[\]:]/g, ' ');
}

function fish(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ name, description, flags, words, takesNames }) => {
    const inside = `-n '__fish_seen_subcommand_from ${name}'`;
    const isKind = `__fish_seen_subcommand_from ${words.join(' ')}`;
    return [
      `complete -c hybridstore -n __fish_use_subcommand -f -a ${name} -d ${quote(description)}`,
      ...(words.length > 0 ? [`complete -c hybridstore ${inside} -f -a '${words.join(' ')}'`] : []),
      ...(takesNames
        ? [
            `complete -c hybridstore -n '__fish_seen_subcommand_from ${name}; and ${isKind}' -f -a '(__hybridstore_names)'`,
          ]
        : []),
      ...flags.map(
        (flag) =>
          `complete -c hybridstore ${inside} -l ${flag.long.slice(2)} -d ${quote(flag.description)}${fishWords(flag)}`,
      ),
    ];
  });
  return script(`
# fish completion of hybridstore: npx hybridstore completion fish | source
function __hybridstore_ask
  if type -q hybridstore
    hybridstore $argv 2>/dev/null
  else
    npx hybridstore $argv 2>/dev/null
  end
end
function __hybridstore_names
  for word in (commandline -opc)
    if contains -- $word ${kindNames.join(' ')}
      __hybridstore_ask get $word -o name | string replace -r '.*/' ''
      return
    end
  end
end
${lines.join('\n')}
complete -c npx -n 'test (count (commandline -opc)) -gt 1; and test (commandline -opc)[2] = hybridstore' -f -a '(complete -C (string replace -r "^\\s*npx\\s+" "" -- (commandline -cp)))'
`);
}

function fishWords({ choices, isSource }: Completed['flags'][number]): string {
  if (isSource) return " -x -a '(__hybridstore_ask completion sources)'";
  return choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : '';
}

/** For the shell, one word. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Shell expansions are written with `@` above, so that no template here looks like one of JavaScript's. */
function script(text: string): string {
  return text.trimStart().replaceAll('@{', '${');
}
