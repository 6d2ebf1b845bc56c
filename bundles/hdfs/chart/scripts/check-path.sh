# shellcheck shell=bash
# Says which command helps, while the DataNode would only say that it cannot write.
set -eu
uid=$(id -u) gid=$(id -g)
if ! [ -w /data ]; then
  echo "folder $HOST_PATH on node $NODE_NAME belongs to uid $(stat -c %u /data) with mode $(stat -c %a /data), the DataNode runs as uid $uid; on that node run: chown $uid:$gid $HOST_PATH   (or set hdfs.fix_datanode_path_owner)" >&2
  exit 1
fi
if [ -e /data/data ] && ! [ -w /data/data ]; then
  echo "folder $HOST_PATH/data on node $NODE_NAME belongs to uid $(stat -c %u /data/data), the DataNode runs as uid $uid; on that node run: chown -R $uid:$gid $HOST_PATH" >&2
  exit 1
fi
echo "$HOST_PATH on node $NODE_NAME is writable"
