# How the tests' `go test` is run, and what is done about a test that fails by chance. Sourced by scripts/test.
# shellcheck shell=bash
# shellcheck disable=SC2154 # $run is the folder of the run

# Tests of a mounted file system, of crashes and of broken connections meet the machine's scheduler in ways that no test foresees, and a run has some two
# thousand of them. So what fails is run once more, alone, and fails the run if it fails again. That is never silent: the first failure's output stays in the
# log, and the last lines of the run name the test (flaky_told). And it is never done for what chance does not excuse: a data race, a panic, a test that hung, a
# package that does not build or breaks outside its tests, or more than repeatable_most tests at once.
readonly repeatable_most=3

# go_test_in DIR [FLAG…] -- PACKAGE… tests the packages of the module in DIR, and once more what may have failed by chance. It returns go test's exit status.
go_test_in() {
	local dir=$1 log rc=0 again package tests
	shift
	local flags=()
	while [[ $1 != -- ]]; do
		flags+=("$1")
		shift
	done
	shift
	log=$(mktemp "$run/gotest.XXXXXX")
	go_test_logged "$log" "$dir" "${flags[@]}" "$@" || rc=$?
	((rc)) || return 0
	again=$(repeatable "$repeatable_most" <"$log") || return "$rc"
	while read -r package tests; do
		say "once more: $package $tests"
		go_test_logged "$log" "$dir" "${flags[@]}" -run "$tests" "$package" || return $?
		printf '%s %s\n' "$package" "$tests" >>"$run/flaky"
	done <<<"$again"
}

# go_test_logged LOG DIR ARGUMENT… runs go test as a process group of its own, for which this shell waits, so that a signal ends all of it at once; its output goes
# to LOG too. (Without job control what runs in the background would ignore SIGINT, and so would the programs under test.)
go_test_logged() {
	local log=$1 dir=$2 out tee rc=0
	shift 2
	exec {out}> >(exec tee "$log")
	tee=$!
	set -m
	go test -C "$dir" -count=1 -shuffle=on -timeout=20m "$@" >&"$out" 2>&1 &
	child=$!
	set +m
	wait "$child" || rc=$?
	exec {out}>&-
	gone_within "$tee" 10 || kill "$tee" 2>/dev/null || true # something that a test left holds the pipe; the run's end tells of it
	return "$rc"
}

# repeatable MOST reads what a failed `go test` printed and prints, a line a package, its name and the pattern of the tests to run again: those that failed; all
# of a package in which the race detector's own library broke down and nothing else failed. It fails if chance does not excuse what failed.
repeatable() {
	awk -v most="$1" '
		/^ThreadSanitizer: CHECK failed/ { broke = 1 }
		/^--- FAIL: / { names = names (names == "" ? "" : "|") $3; count++ }
		/^WARNING: DATA RACE|^panic: |^fatal error: / { hard = 1 }
		/^FAIL\t/ {
			if (/\[(build|setup) failed\]/ || (names == "" && !broke)) hard = 1
			list[++n] = $2 " " (names == "" ? "." : "^(" names ")$")
			names = ""; broke = 0
		}
		/^ok  / { names = ""; broke = 0 }
		END {
			if (hard || !n || count > most) exit 1
			for (i = 1; i <= n; i++) print list[i]
		}'
}

# flaky_told says which tests failed once and passed when they ran again.
flaky_told() {
	local line
	[[ -s $run/flaky ]] || return 0
	say 'FLAKY: these failed once, and passed when run again; their first failure is above:'
	while read -r line; do say "  $line"; done <"$run/flaky"
}
