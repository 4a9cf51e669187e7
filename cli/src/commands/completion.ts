import type { Command } from 'commander';

/** A bash completion script (zsh reads it through bashcompinit) made from the commands themselves. */
export function completion(program: Command): string {
  const commands = program.commands.map((command) => command.name());
  const cases = program.commands.map(
    (command) =>
      `    ${command.name()}) words="${command.options.map((option) => option.long ?? option.short).join(' ')}" ;;`,
  );
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the placeholders are the shell's
  return [
    '_hybridstore() {',
    '  local words="" command="${COMP_WORDS[1]}"',
    `  if [ "$COMP_CWORD" -eq 1 ]; then words="${commands.join(' ')}"; else case "$command" in`,
    ...cases,
    '  esac; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '  [ "${#COMPREPLY[@]}" -eq 0 ] && COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _hybridstore hybridstore',
    '',
  ].join('\n');
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the placeholders are the shell's
}
