# Inside that shell: source prepare-completion.zsh SCRIPT HITS. What a TAB offers is written into HITS.
PROMPT=
autoload -Uz compinit
compinit -D -u
source $1
hits_file=$2
bindkey "^I" complete-word
zstyle ":completion:*" insert-tab false
compadd () {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >> $hits_file
  builtin compadd "$@"
}
finish () { print -r -- done-completing; exit }
comppostfuncs=(finish)
print -r -- ready-now
