# shellcheck shell=bash
# Before a DataNode begins. One that holds blocks of another file system would end again and again, with a stack trace;
# where the NameNode does not answer, the DataNode itself compares. And in an upgrade NameNodes come first: a DataNode of
# the new version waits until they have it. NAMENODES are host:port of their web servers.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
# The version of a NameNode that answers and is older than this image; nothing where there is none.
old_namenode() {
  local at theirs
  for at in $NAMENODES; do
    theirs=$(field SoftwareVersion "$(ask "$at" Hadoop:service=NameNode,name=NameNodeInfo)")
    if [ -n "$theirs" ] && older "$theirs" "$image"; then echo "$theirs" && return; fi
  done
}
image=$(own_version)
if [ -n "$image" ]; then
  for _ in $(seq "${UPGRADE_TRIES:-150}"); do
    old=$(old_namenode)
    [ -n "$old" ] || break
    say "waiting until no NameNode runs Hadoop $old any more, since a DataNode of $image comes after them"
    sleep "${PAUSE:-2}"
  done
  [ -z "${old:-}" ] || echo "a NameNode runs Hadoop $old still: going on all the same"
fi
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
  sleep "${PAUSE:-2}"
done
if [ -z "$theirs" ] || [ -z "$own" ] || [ "$theirs" = "$own" ]; then
  echo "$PLACE: cluster id ${own:-unknown}, the NameNode's is ${theirs:-unknown}"
  exit 0
fi
echo "$PLACE holds blocks of another HDFS: their cluster id is $own, the NameNode's is $theirs. nothing was changed. restore the NameNode's volume that belongs to them, or, if nobody needs them any more, $MOVE" >&2
exit 1
