# An interactive zsh on a terminal of its own: zsh -f complete-in.zsh PREPARE SCRIPT HITS LINE
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source ${(q)1} ${(q)2} ${(q)3}"
local line
while zpty -r shell line; do [[ $line == *ready-now* ]] && break; done
zpty -w -n shell "$4"$'\t'
while zpty -r shell line; do [[ $line == *done-completing* ]] && break; done
zpty -d shell
