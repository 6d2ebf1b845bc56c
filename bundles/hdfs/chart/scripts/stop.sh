# shellcheck shell=bash
# Before a NameNode's pod ends: where it is active and another one stands by, that one takes over, in order and within
# seconds, instead of when ZooKeeper has missed this one. The controller beside it stays until then, since both
# controllers take part. usage: stop.sh namenode | zkfc
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
state() { field State "$(ask "${1%:*}" "${1##*:}" Hadoop:service=NameNode,name=NameNodeStatus)"; }
self=127.0.0.1:${PORT:-9870}
case $1 in
namenode)
  [ "$(state "$self")" = active ] || exit 0
  number=0
  for at in $NAMENODES; do
    case $at in
    "${HOSTNAME}."*) ;;
    *) if [ "$(state "$at")" = standby ]; then exec timeout 30 hdfs haadmin -failover "nn${HOSTNAME##*-}" "nn$number"; fi ;;
    esac
    number=$((number + 1))
  done
  ;;
zkfc)
  for _ in $(seq 60); do
    [ "$(state "$self")" = active ] || exit 0
    sleep 0.5
  done
  ;;
esac
