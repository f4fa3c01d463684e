#!/bin/bash
# A batch job on a bucket: it reads and writes files in $ALLASFS_DIR, and ends when all of them are in the store.
#
#   sbatch --array=1-20 job.sh BUCKET
#
#SBATCH --time=00:01:00
#SBATCH --mem=500M
#SBATCH --cpus-per-task=1
export BUCKET=${1:?bucket}
# exec: no shell between Slurm and allasfs that could end before it.
exec allasfs run --source "$BUCKET" --memory 128M -- "${WORK:-./work.sh}"
