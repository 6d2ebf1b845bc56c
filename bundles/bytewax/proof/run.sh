#!/bin/sh
# Runs the dataflow $1 as one of the processes of a Job, and ends with its exit code.
set -eu
index=0
while [ "$index" -lt "$WINDLASS_PROCESSES" ]; do
  echo "$WINDLASS_JOB-$index.$WINDLASS_JOB:9999"
  index=$((index + 1))
done >/tmp/hosts
export PYTHONUNBUFFERED=1 BYTEWAX_PROCESS_ID="${JOB_COMPLETION_INDEX:-0}" BYTEWAX_HOSTFILE_PATH=/tmp/hosts
cd /tmp
code=0
/venv/bin/python -m bytewax.run "$1" || code=$?
[ "$code" != 0 ] || echo 'Process ended.'
exit "$code"
