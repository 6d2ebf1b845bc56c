# shellcheck shell=bash
# Before a NameNode's pod ends: where it is active and another one stands by, that one takes over, in order and within
# seconds, instead of when ZooKeeper has missed this one. The controller beside it stays until then, since both
# controllers take part. usage: stop.sh namenode | zkfc
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
self=127.0.0.1:${PORT:-9870}
case $1 in
namenode)
  [ "$(state "$self")" = active ] || exit 0
  number=0
  for at in $NAMENODES; do
    case $at in
    "${HOSTNAME}."*) ;;
    *)
      if [ "$(state "$at")" = standby ]; then
        # One that has just begun does not know all blocks yet: it would be active, and in safe mode.
        for _ in $(seq 30); do
          [ "$(field FSState "$(ask "$at" Hadoop:service=NameNode,name=FSNamesystemState)")" != Operational ] || break
          sleep 0.5
        done
        # Its JVM has to find room beside the NameNode's.
        export HADOOP_CLIENT_OPTS=-Xmx64m
        exec timeout 25 hdfs haadmin -failover "nn${HOSTNAME##*-}" "nn$number"
      fi
      ;;
    esac
    number=$((number + 1))
  done
  ;;
zkfc)
  for _ in $(seq 80); do
    [ "$(state "$self")" = active ] || exit 0
    sleep 0.5
  done
  ;;
esac
