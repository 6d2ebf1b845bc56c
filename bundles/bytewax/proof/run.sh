#!/bin/sh
# Runs the dataflow $1 as one of the processes of a Job, and ends with its exit code.
set -eu
index=0
while [ "$index" -lt "$WINDLASS_PROCESSES" ]; do
  host=$WINDLASS_JOB-$index.$WINDLASS_JOB
  # Bytewax gives up where its own name is not known, and a pod may be faster than DNS.
  until getent hosts "$host" >/dev/null; do
    echo "waiting for the name $host"
    sleep 1
  done
  echo "$host:9999" >>/tmp/hosts
  index=$((index + 1))
done
export PYTHONUNBUFFERED=1 BYTEWAX_PROCESS_ID="${JOB_COMPLETION_INDEX:-0}" BYTEWAX_HOSTFILE_PATH=/tmp/hosts
cd /tmp
code=0
/venv/bin/python -m bytewax.run "$1" || code=$?
[ "$code" != 0 ] || echo 'Process ended.'
exit "$code"
