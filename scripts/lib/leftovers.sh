# What a test run must not leave: processes and mounts. Sourced by scripts/test.
# shellcheck shell=bash

# sweep RUN ends what is left of a run, and fails if anything was. A process is of the run if its environment says so, or if its program
# lies in the run's folder; a mount, if it lies there.
sweep() {
	local run=$1 found=0 pid dir
	while read -r pid; do
		found=1
		say "left running: $pid $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
		end_pid "$pid" 5
	done < <(run_processes "$run")
	while read -r dir; do
		found=1
		say "left mounted: $dir"
		umount -l "$dir" || true
	done < <(run_mounts "$run")
	return "$found"
}

# run_processes RUN prints the pids of a run's processes, except this shell and what it is running now.
run_processes() {
	local run=$1 pid
	for pid in /proc/[0-9]*; do
		pid=${pid#/proc/}
		[[ $pid == "$$" || $pid == "$BASHPID" ]] && continue
		is_of_run "$pid" "$run" && ! is_ours "$pid" && printf '%s\n' "$pid"
	done
	return 0
}

is_of_run() {
	[[ $(readlink "/proc/$1/exe" 2>/dev/null) == "$2"/* ]] && return 0
	tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -qxF "ALLASFS_TEST_RUN=$2"
}

# is_ours PID: this script's own shell or one that it forked for a pipe.
is_ours() {
	local pid=$1
	while ((pid > 1)); do
		[[ $pid == "$$" ]] && return 0
		pid=$(awk '{ sub(/.*\) /, ""); print $2 }' "/proc/$pid/stat" 2>/dev/null) || return 0
		[[ -n $pid ]] || return 0
	done
	return 1
}

# run_mounts RUN prints the mountpoints in a run's folder, the inner ones first.
run_mounts() { awk -v run="$1/" 'index($5, run) == 1 { print $5 }' /proc/self/mountinfo | tac; }
