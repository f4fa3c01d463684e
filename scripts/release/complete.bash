# What bash offers for `allasfs umou`, asked in the way in which it asks itself.
# shellcheck shell=bash disable=SC1091,SC2034
. /usr/share/bash-completion/bash_completion
_completion_loader allasfs || :
COMP_LINE='allasfs umou' COMP_POINT=12 COMP_WORDS=(allasfs umou) COMP_CWORD=1
[[ $(complete -p allasfs) == *-F\ * ]] || exit 1
"$(complete -p allasfs | sed 's/.*-F \([^ ]*\) .*/\1/')" allasfs umou allasfs 2>/dev/null # no completion is under way, as it says
printf '%s\n' "${COMPREPLY[@]}"
