#!/bin/bash
# make: a second run has nothing to do, and after a change just what depends on it.
set -euo pipefail
cat >Makefile <<'RULES'
all: out/one.txt out/two.txt out/sum.txt
out/%.txt: %.src
	@mkdir -p out
	@echo making $@
	@tr a-z A-Z <$< >$@
out/sum.txt: out/one.txt out/two.txt
	@echo making $@
	@cat $^ >$@
RULES
echo one >one.src
echo two >two.src
touch -d '2001-01-01 UTC' one.src two.src
make
make -q all && echo 'nothing to do'
touch -d '2000-01-01 UTC' out/two.txt
make -q all || echo 'something to do'
make
make -q all && echo 'nothing to do'
cat out/sum.txt
