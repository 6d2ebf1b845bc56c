# shellcheck shell=bash
# The failover controller beside a NameNode. Its place in ZooKeeper is made where it is missing, which is the first start,
# and a ZooKeeper that lost all it held.
set -eu
# A shell that is the first process of its container heeds no signal by itself.
trap 'exit 143' TERM
id=(-D "dfs.ha.namenode.id=nn${HOSTNAME##*-}")
while :; do
  code=0
  hdfs zkfc "${id[@]}" -formatZK -nonInteractive || code=$?
  # 2: it is there.
  case $code in 0 | 2) break ;; esac
  echo "ZooKeeper does not take part yet (exit code $code): trying again"
  sleep 3
done
exec hdfs zkfc "${id[@]}"
