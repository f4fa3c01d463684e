# Functions that every script here shares. Sourced, never run.
# shellcheck shell=bash

# say prints one line of progress to standard error, so that standard output stays for results.
say() { printf '== %s\n' "$*" >&2; }

# die prints why and ends the script that sourced this.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# toolchain DIR prints the Go that the module in DIR names for what is given to users; older ones have known vulnerabilities.
toolchain() { sed -n 's/^toolchain //p' "$1/go.mod"; }

# step NAME COMMAND… runs the command, and tells how long it took and whether it failed.
step() {
	local name=$1 started=$SECONDS rc=0
	shift
	say "$name"
	"$@" || rc=$?
	if ((rc)); then
		say "$name: FAILED after $((SECONDS - started)) s"
	else
		say "$name: $((SECONDS - started)) s"
	fi
	return "$rc"
}

# quietly LOG COMMAND… keeps the command's output in LOG and shows its end only if it fails.
quietly() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 && return 0
	local rc=$?
	tail -n 40 "$log" >&2
	return "$rc"
}

# port_used PORT: something listens there on loopback.
port_used() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port prints a port of loopback that nothing listens on, below the range the kernel gives out by itself.
free_port() {
	local port
	for _ in {1..200}; do
		port=$((20000 + RANDOM % 12000))
		port_used "$port" || {
			printf '%s\n' "$port"
			return 0
		}
	done
	die 'no free port found'
}

# end_pid PID [SECONDS] asks a process to end, waits so long (20), and then ends it the hard way. It returns when the process is gone.
end_pid() {
	local pid=$1 limit=${2:-20}
	kill -TERM "$pid" 2>/dev/null || return 0
	gone_within "$pid" "$limit" && return 0
	kill -KILL "$pid" 2>/dev/null || return 0
	gone_within "$pid" 10 || die "process $pid does not end"
}

# runs PID: the process is there, and no zombie that nobody has waited for.
runs() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	[[ ${stat##*) } != Z* ]]
}

# gone_within PID SECONDS waits until a process has ended.
gone_within() {
	local i
	for ((i = 0; i < $2 * 20; i++)); do
		runs "$1" || return 0
		sleep 0.05
	done
	return 1
}
