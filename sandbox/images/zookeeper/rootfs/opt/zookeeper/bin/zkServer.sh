#!/bin/bash
# `zkServer.sh` of the sandbox's stand-in for the official image `zookeeper`: a server in the foreground. The variables are
# those of ZooKeeper's own scripts, and mean the same.
set -euo pipefail

home=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
# By this variable and not by ZOO_CONF_DIR, as there: who moves the folder has to set both.
conf=${ZOOCFGDIR:-/conf}
for file in zookeeper-env.sh java.env; do
  [ -f "$conf/$file" ] || continue
  set +eu
  # shellcheck source=/dev/null
  . "$conf/$file"
  set -eu
done

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
# The folder of the configuration, for its logback.xml.
path="$home/lib/*:$conf${CLASSPATH:+:$CLASSPATH}"
case ${1:-} in
start-foreground) ;;
version) exec "$java" -cp "$path" org.apache.zookeeper.version.VersionInfoMain ;;
start | stop | restart | status | print-cmd)
  echo "zkServer.sh $1 is not in the sandbox's stand-in for zookeeper, which runs in the foreground" >&2
  exit 1
  ;;
*)
  echo "usage: zkServer.sh {start-foreground [FILE] | version}" >&2
  exit 1
  ;;
esac

file=${2:-${ZOOCFG:-zoo.cfg}}
case $file in
*/*) ;;
*) file=$conf/$file ;;
esac
echo "Using config: $file" >&2
set -f # options are split at spaces, as there, but never taken for file names
# shellcheck disable=SC2086
exec "$java" "-Dzookeeper.log.dir=${ZOO_LOG_DIR:-$home/logs}" "-Dzookeeper.log.file=zookeeper-${USER:-}-server-$HOSTNAME.log" \
  -XX:+HeapDumpOnOutOfMemoryError '-XX:OnOutOfMemoryError=kill -9 %p' -cp "$path" \
  "-Xmx${ZK_SERVER_HEAP:-1000}m" ${SERVER_JVMFLAGS:-} ${JVMFLAGS:-} org.apache.zookeeper.server.quorum.QuorumPeerMain "$file"
