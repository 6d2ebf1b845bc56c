# shellcheck shell=bash
# A DataNode that holds blocks of another file system would end again and again, with a stack trace. Where the NameNode
# does not answer, the DataNode itself compares. NAMENODES are host:port of their web servers.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
version=${DATA:-/data}/data/current/VERSION
if ! [ -r "$version" ]; then
  echo "$PLACE holds no blocks yet"
  exit 0
fi
own=$(sed -n 's/^clusterID=//p' "$version")
theirs=
for _ in $(seq "${TRIES:-15}"); do
  for at in $NAMENODES; do
    theirs=$(field ClusterId "$(ask "$at" Hadoop:service=NameNode,name=NameNodeInfo)")
    [ -z "$theirs" ] || break 2
  done
  sleep 2
done
if [ -z "$theirs" ] || [ -z "$own" ] || [ "$theirs" = "$own" ]; then
  echo "$PLACE: cluster id ${own:-unknown}, the NameNode's is ${theirs:-unknown}"
  exit 0
fi
echo "$PLACE holds blocks of another HDFS: their cluster id is $own, the NameNode's is $theirs. nothing was changed. restore the NameNode's volume that belongs to them, or, if nobody needs them any more, $MOVE" >&2
exit 1
