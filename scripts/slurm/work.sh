#!/bin/sh
# What the tasks of scripts/slurm/test do: task 1 outlasts its time limit, 2 is cancelled, 3 takes too much memory; the others write a result, twice: into
# the bucket and beside it.
n=$SLURM_ARRAY_TASK_ID
echo "begun $n" >"$ALLASFS_DIR/begun-$n"
case $n in
1 | 2)
	trap 'echo "checkpoint $n" >"$ALLASFS_DIR/checkpoint-$n"; exit 9' TERM
	while :; do sleep 0.2; done
	;;
3) python3 -c 'import time; taken = bytearray(900 << 20); time.sleep(300)' ;;
*)
	head -c 3000000 /dev/urandom >"$OUT/data-$n"
	cp "$OUT/data-$n" "$ALLASFS_DIR/data-$n"
	;;
esac
