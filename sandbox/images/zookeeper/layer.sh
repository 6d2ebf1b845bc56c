# shellcheck shell=bash
# ZooKeeper's server in the layout of the official image `zookeeper`: its entrypoint, paths, user and uid. A stand-in made of
# Maven's jars: the release archive, of which that image is made, is in no package registry.

ZOOKEEPER_VERSION=3.9.4

zookeeper_layer() { # BASE ROOT
  local base=$1 root=$2 home=$2/apache-zookeeper-$ZOOKEEPER_VERSION-bin jar machine
  another_account "$base" "$root" 'zookeeper:x:1000:1000::/home/zookeeper:/bin/sh' 'zookeeper:x:1000:'
  cp -R "$IMAGE_SOURCES/zookeeper/rootfs/." "$root"
  # There the folder has the version in its name.
  mv "$root/opt/zookeeper" "$home"
  rmdir "$root/opt"
  maven_copy "$IMAGE_SOURCES/../maven/zookeeper/pom.xml" "$home/lib"
  machine=$(uname -m)
  # Netty's TLS comes for every system and processor. The checksums above are those of all, whatever this machine is.
  for jar in "$home"/lib/*-{linux,osx,windows}-*.jar; do
    case $jar in
    *-linux-"${machine/aarch64/aarch_64}".jar) ;;
    *) rm "$jar" ;;
    esac
  done
  mkdir -p "$root/data" "$root/datalog" "$root/logs"
  chmod -R u=rwX,go=rX "$root"
  chmod 0755 "$home"/bin/* "$root/docker-entrypoint.sh"
  chown -R 1000:1000 "$home" "$root/conf" "$root/data" "$root/datalog" "$root/logs"
}

# No user, as there: the entrypoint becomes zookeeper where it is root, and a pod has to set one.
# shellcheck disable=SC2034  # for `build`
ZOOKEEPER_CONFIG='{
  "WorkingDir": "/apache-zookeeper-3.9.4-bin",
  "Entrypoint": ["/docker-entrypoint.sh"],
  "Cmd": ["zkServer.sh", "start-foreground"],
  "ExposedPorts": {"2181/tcp": {}, "2888/tcp": {}, "3888/tcp": {}, "8080/tcp": {}},
  "Volumes": {"/data": {}, "/datalog": {}, "/logs": {}},
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/apache-zookeeper-3.9.4-bin/bin",
    "JAVA_HOME=/usr/lib/jvm/java-17", "ZOO_CONF_DIR=/conf", "ZOO_DATA_DIR=/data", "ZOO_DATA_LOG_DIR=/datalog", "ZOO_LOG_DIR=/logs",
    "ZOO_TICK_TIME=2000", "ZOO_INIT_LIMIT=5", "ZOO_SYNC_LIMIT=2", "ZOO_AUTOPURGE_PURGEINTERVAL=0",
    "ZOO_AUTOPURGE_SNAPRETAINCOUNT=3", "ZOO_MAX_CLIENT_CNXNS=60", "ZOO_STANDALONE_ENABLED=true", "ZOO_ADMINSERVER_ENABLED=true",
    "ZOOCFGDIR=/conf", "LANG=C.UTF-8"],
  "Labels": {"org.opencontainers.image.title": "stand-in for zookeeper, made from packages by the windlass sandbox",
    "org.opencontainers.image.version": "3.9.4"}
}'
