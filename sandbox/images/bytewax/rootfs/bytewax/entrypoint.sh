#!/bin/sh
# Runs the dataflow that the variables of bytewax/bytewax's image name. Unlike there, a failed one ends with its code.
set -eu
cd "${BYTEWAX_WORKDIR:-/bytewax}"
export PYTHONUNBUFFERED=1
/venv/bin/python -m bytewax.run "${BYTEWAX_PYTHON_FILE_PATH:-${BYTEWAX_IMPORT_STR:?names no dataflow}}"
echo 'Process ended.'
[ "${BYTEWAX_KEEP_CONTAINER_ALIVE:-}" = true ] || exit 0
echo 'Keeping container alive...'
exec sleep infinity
