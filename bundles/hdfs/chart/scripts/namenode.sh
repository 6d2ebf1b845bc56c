# shellcheck shell=bash
# A NameNode. Between the preparation of an upgrade and its end the volume holds a rollback image. Only then may metadata
# of an older layout be taken over, which Hadoop wants to be told; without such an image there would be no way back.
# NAMENODES are set in high availability.
set -eu
args=()
# By its name it need not wait for its address to be in DNS.
[ -z "${NAMENODES:-}" ] || args+=(-D "dfs.ha.namenode.id=nn${HOSTNAME##*-}")
if compgen -G "${DATA:-/data}/name/current/fsimage_rollback_*.md5" >/dev/null; then
  echo "an upgrade is not final: the volume holds an image to go back to"
  args+=(-rollingUpgrade started)
fi
exec hdfs namenode ${args[@]+"${args[@]}"}
