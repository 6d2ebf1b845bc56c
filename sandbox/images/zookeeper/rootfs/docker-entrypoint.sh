#!/bin/bash
# The contract of the official image `zookeeper`: a configuration and a myid where there is none, then the command. Root
# becomes zookeeper.
set -eu

mkdir -p "$ZOO_DATA_DIR" "$ZOO_DATA_LOG_DIR" "$ZOO_LOG_DIR"
if [ "${1:-}" = zkServer.sh ] && [ "$(id -u)" = 0 ]; then
  chown -R zookeeper "$ZOO_DATA_DIR" "$ZOO_DATA_LOG_DIR" "$ZOO_LOG_DIR"
  exec setpriv --reuid=zookeeper --regid=zookeeper --init-groups "$0" "$@"
fi

configuration() {
  printf '%s\n' "dataDir=$ZOO_DATA_DIR" "dataLogDir=$ZOO_DATA_LOG_DIR" \
    "tickTime=$ZOO_TICK_TIME" "initLimit=$ZOO_INIT_LIMIT" "syncLimit=$ZOO_SYNC_LIMIT" \
    "autopurge.snapRetainCount=$ZOO_AUTOPURGE_SNAPRETAINCOUNT" "autopurge.purgeInterval=$ZOO_AUTOPURGE_PURGEINTERVAL" \
    "maxClientCnxns=$ZOO_MAX_CLIENT_CNXNS" "standaloneEnabled=$ZOO_STANDALONE_ENABLED" "admin.enableServer=$ZOO_ADMINSERVER_ENABLED"
  set -f # lists are split at spaces, as there, but never taken for file names
  # shellcheck disable=SC2086
  printf '%s\n' ${ZOO_SERVERS:-server.1=localhost:2888:3888;2181} \
    ${ZOO_4LW_COMMANDS_WHITELIST:+"4lw.commands.whitelist=$ZOO_4LW_COMMANDS_WHITELIST"} ${ZOO_CFG_EXTRA:-}
  set +f
}
# What is there stays, so that a chart may mount it, and read-only.
[ -f "$ZOO_CONF_DIR/zoo.cfg" ] || configuration >"$ZOO_CONF_DIR/zoo.cfg"
[ -f "$ZOO_DATA_DIR/myid" ] || echo "${ZOO_MY_ID:-1}" >"$ZOO_DATA_DIR/myid"

exec "$@"
