# shellcheck shell=bash
# Whether a NameNode has registered this DataNode.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
answer=$(ask 127.0.0.1:9864 Hadoop:service=DataNode,name=DataNodeInfo)
if [ -z "$answer" ]; then
  echo "the DataNode is starting"
  exit 1
elif ! grep -q '"ActorState[^,]*RUNNING' <<<"$answer"; then
  echo "no NameNode has registered this DataNode yet"
  exit 1
fi
