import { tenantNode } from '@hybridstore/contracts';
import type { Command, Option } from 'commander';
import type { Connection } from '../connection.ts';
import type { Io } from '../io.ts';
import { kindNames } from '../resources/kind-names.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

type Flag = {
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  readonly choices: readonly string[];
  readonly takes: 'nothing' | 'a word' | 'a file' | 'a source';
};

/** What can follow a command: its own flags, and the words of its first argument. */
type Completed = {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  readonly words: readonly string[];
  /** Behind its first word, a kind, come names of objects. */
  readonly takesNames: boolean;
  /** Words that are no flags are files. */
  readonly takesFiles: boolean;
};

/** Flags that say which platform is meant: the question for names is asked of the same. */
const platformFlags = [
  '--data-dir',
  '--kubeconfig',
  '--gateway',
  '-t',
  '--tenant',
  '--token',
  '--username',
  '--password-file',
];

/** What the scripts ask for at a TAB behind `--source`: a source a line. */
export async function printSources(connection: Connection, io: Io): Promise<void> {
  const { sources } = await connection.call(tenantNode.listSources);
  io.stdout.write(sources.map(({ source_id: id }) => `${id}\n`).join(''));
}

/** A completion script, made from the commands themselves. */
export function completion(program: Command, shell: Shell): string {
  const globals = program.options.flatMap(describeFlag);
  return { bash, zsh, fish }[shell](program.commands.map(describe), globals);
}

function describe(command: Command): Completed {
  const own = [command, ...command.commands].flatMap(({ options }) => options);
  // Commands below one command share flags.
  const flags = [...new Map(own.map((option) => [option.long, option])).values()].flatMap(describeFlag);
  const [argument] = command.registeredArguments;
  const takesNames = argument?.name() === 'kind';
  const words = takesNames ? kindNames : (argument?.argChoices ?? command.commands.map((one) => one.name()));
  const takesFiles = argument?.name() === 'files';
  return { name: command.name(), description: command.description(), flags, words, takesNames, takesFiles };
}

function describeFlag({ long, short, description, argChoices, flags, hidden }: Option): readonly Flag[] {
  if (hidden || !long) return [];
  return [{ long, short, description, choices: (argChoices ?? []).filter(isWord), takes: takenBy(long, flags) }];
}

/** Not a form with a part that only its user knows. */
function isWord(choice: string): boolean {
  return !choice.includes('<');
}

function takenBy(long: string, flags: string): Flag['takes'] {
  if (long === '--source') return 'a source';
  if (/<(file|folder|path)\b/.test(flags)) return 'a file';
  return flags.includes('<') ? 'a word' : 'nothing';
}

/** Names are asked of the platform; everything else is in the script. `npx hybridstore` is completed as `hybridstore` is. */
function bash(commands: readonly Completed[], globals: readonly Flag[]): string {
  const longs = (flags: readonly Flag[]) => flags.map((flag) => flag.long).join(' ');
  const cases = commands.map(
    ({ name, flags, words }) => `    ${name}) words="${words.join(' ')}" flags="${longs([...flags, ...globals])}" ;;`,
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
  local words="" flags="" current="$2" previous="$3" command="" kind="" namespace="" word before="" given=()
  for word in "@{COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$before" in
      ${platformFlags.join('|')}) given+=("$before" "$word") ;;
      -n|--namespace) namespace="$word" ;;
    esac
    case "$command" in
      "") case "$word" in ${commands.map(({ name }) => name).join('|')}) command="$word" ;; esac ;;
      ${withNames.join('|')}) case "$word" in ${isKind}) kind="@{kind:-$word}" ;; esac ;;
    esac
    before="$word"
  done
  case "$command" in
    "") words="${commands.map(({ name }) => name).join(' ')}" flags="${longs(globals)}" ;;
${cases.join('\n')}
  esac
  [ "@{current#-}" = "$current" ] || words="$flags"
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

function zsh(commands: readonly Completed[], globals: readonly Flag[]): string {
  const names = commands.map(({ name, description }) => `    ${quote(`${name}:${description.replaceAll(':', ' ')}`)}`);
  const globalSpecs = globals.flatMap(specsOf).join(' ');
  const cases = commands.map(({ name, flags, words, takesNames }) => {
    const first = words.length > 0 ? quote(`1:word:(${words.join(' ')})`) : quote('*:file:_files');
    const rest = takesNames ? ` ${quote('*:name:_hybridstore_names')}` : '';
    return `    ${name}) _arguments ${[...flags.flatMap(specsOf), globalSpecs].join(' ')} ${first}${rest} ;;`;
  });
  return script(`
#compdef hybridstore
# zsh completion of hybridstore: source <(npx hybridstore completion zsh), after compinit
_hybridstore_ask() {
  "@{_hybridstore_program[@]:-hybridstore}" "@{given[@]}" "$@" 2>/dev/null
}
_hybridstore_names() {
  compadd -- @{@{(f)"$(_hybridstore_ask get "$kind" -n "$namespace" -o name)"}#*/}
}
_hybridstore_sources() {
  compadd -- @{(f)"$(_hybridstore_ask completion sources)"}
}
_hybridstore() {
  local -a given=() commands=(
${names.join('\n')}
  )
  local command="" kind="" namespace=default before="" word
  local -i at start=0
  for (( at = 2; at < CURRENT; at++ )); do
    word="$words[at]"
    case "$before" in
      ${platformFlags.join('|')}) given+=("$before" "$word") ;;
      -n|--namespace) namespace="$word" ;;
      *) case "$command" in
        "") case "$word" in ${commands.map(({ name }) => name).join('|')}) command="$word"; start=at ;; esac ;;
        *) case "$word" in ${kindNames.join('|')}) kind="@{kind:-$word}" ;; esac ;;
      esac ;;
    esac
    before="$word"
  done
  if (( start == 0 )); then
    case "$before" in
      ${platformFlags.join('|')}) _files; return ;;
    esac
    if [[ "$words[CURRENT]" == -* ]]; then _arguments ${globalSpecs}; else _describe command commands; fi
    return
  fi
  words=("@{(@)words[start,-1]}")
  (( CURRENT -= start - 1 ))
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

function specsOf(flag: Flag): readonly string[] {
  const names = flag.short === undefined ? [flag.long] : [flag.short, flag.long];
  return names.map((name) => quote(`${name}[${flag.description.replaceAll(/[[\]:]/g, ' ')}]${specOf(flag)}`));
}

function specOf({ choices, takes }: Flag): string {
  if (choices.length > 0) return `:value:(${choices.join(' ')})`;
  return { nothing: '', 'a word': ':value: ', 'a file': ':file:_files', 'a source': ':source:_hybridstore_sources' }[
    takes
  ];
}

function fish(commands: readonly Completed[], globals: readonly Flag[]): string {
  const lines = commands.flatMap(({ name, description, flags, words, takesNames, takesFiles }) => {
    const inside = (more = '') => `complete -c hybridstore -n ${quote(`__hybridstore_command ${name}${more}`)}`;
    const first = takesNames ? '; and not __hybridstore_kind >/dev/null' : '';
    return [
      `complete -c hybridstore -n 'not __hybridstore_command' -f -a ${name} -d ${quote(description)}`,
      ...(takesFiles ? [] : [`${inside()} -f`]),
      ...(words.length > 0 ? [`${inside(first)} -f -a '${words.join(' ')}'`] : []),
      ...(takesNames ? [`${inside('; and __hybridstore_kind >/dev/null')} -f -a '(__hybridstore_names)'`] : []),
      ...flags.map((flag) => `${inside()} ${fishFlag(flag)}`),
    ];
  });
  return script(`
# fish completion of hybridstore: npx hybridstore completion fish | source
function __hybridstore_ask
  set -l given
  set -l before
  for word in (commandline -opc)
    contains -- "$before" ${platformFlags.join(' ')}; and set -a given $before $word
    set before $word
  end
  if type -q hybridstore
    hybridstore $given $argv 2>/dev/null
  else
    npx hybridstore $given $argv 2>/dev/null
  end
end
function __hybridstore_command
  set -l before
  for word in (commandline -opc)[2..]
    if not contains -- "$before" ${platformFlags.join(' ')}; and contains -- $word ${commands.map(({ name }) => name).join(' ')}
      test (count $argv) -eq 0; or contains -- $word $argv
      return
    end
    set before $word
  end
  return 1
end
function __hybridstore_kind
  for word in (commandline -opc)
    if contains -- $word ${kindNames.join(' ')}
      echo $word
      return
    end
  end
  return 1
end
function __hybridstore_names
  set -l namespace default
  set -l before
  for word in (commandline -opc)
    contains -- "$before" -n --namespace; and set namespace $word
    set before $word
  end
  __hybridstore_ask get (__hybridstore_kind) -n $namespace -o name | string replace -r '.*/' ''
end
${globals.map((flag) => `complete -c hybridstore ${fishFlag(flag)}`).join('\n')}
${lines.join('\n')}
complete -c npx -n 'test (count (commandline -opc)) -gt 1; and test (commandline -opc)[2] = hybridstore' -f -a '(complete -C (string replace -r "^\\s*npx\\s+" "" -- (commandline -cp)))'
`);
}

function fishFlag(flag: Flag): string {
  const names = [`-l ${flag.long.slice(2)}`, ...(flag.short === undefined ? [] : [`-s ${flag.short.slice(1)}`])];
  return `${names.join(' ')} -d ${quote(flag.description)}${fishWords(flag)}`;
}

function fishWords({ choices, takes }: Flag): string {
  if (choices.length > 0) return ` -x -a '${choices.join(' ')}'`;
  return {
    nothing: '',
    'a word': ' -x',
    'a file': ' -r -F',
    'a source': " -x -a '(__hybridstore_ask completion sources)'",
  }[takes];
}

/** For the shell, one word. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Shell expansions are written with `@` above, so that no template here looks like one of JavaScript's. */
function script(text: string): string {
  return text.trimStart().replaceAll('@{', '${');
}
