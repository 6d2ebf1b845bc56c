# shellcheck shell=bash
# Redis in the layout of the official image `redis`: its entrypoint, user and uid. From Debian, whose version is 7.0.

# The tag that charts name.
# shellcheck disable=SC2034  # for `build`
REDIS_TAG=7.2-bookworm

redis_layer() { # ROOT
  local root=$1
  debian_root redis ca-certificates,redis-server,redis-tools,tzdata "$root"
  account "$root" redis /data
  rm -rf "$root/etc/redis" "$root/var/lib/redis"
  install -d -m 0755 -o 999 -g 999 "$root/data"
  install -m 0755 "$IMAGE_SOURCES/redis/rootfs/usr/local/bin/docker-entrypoint.sh" "$root/usr/local/bin/"
}

# No user, as there: the entrypoint becomes redis where it is root, and a pod has to set one.
# shellcheck disable=SC2034  # for `build`
REDIS_CONFIG='{
  "WorkingDir": "/data",
  "Entrypoint": ["docker-entrypoint.sh"],
  "Cmd": ["redis-server"],
  "ExposedPorts": {"6379/tcp": {}},
  "Volumes": {"/data": {}},
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
  "Labels": {"org.opencontainers.image.title": "stand-in for redis, made from packages by the windlass sandbox",
    "org.opencontainers.image.version": "7.0"}
}'
