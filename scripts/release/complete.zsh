# Types `allasfs umou`, Tab, `--laz`, Tab and Enter into a zsh on a terminal of its own: it has completed both when the program misses nothing but the directory.
# It waits as long as it takes: bound it by timeout(1).
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "autoload -Uz compinit && compinit -u -D && print beg''un"
out=
while zpty -r shell line; do
	out+=$line
	[[ $out == *begun* ]] && break
done
zpty -n -w shell $'allasfs umou\t--laz\t\n'
while zpty -r shell line; do
	out+=$line
	[[ $out == *'umount does not take 0 arguments'* ]] && exit 0
	[[ $out == *'allasfs: error'* || $out == *'not found'* ]] && break
done
print -ru2 -- $out
exit 1
