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
  case $code in
  # 2: it is there.
  0 | 2) break ;;
  # What is configured does not allow of a controller, and will not by itself.
  4 | 5) exit "$code" ;;
  6) echo "ZooKeeper does not answer yet: asking again" ;;
  *) echo "the place in ZooKeeper could not be made (exit code $code): again" ;;
  esac
  sleep 3
done
exec hdfs zkfc "${id[@]}"
