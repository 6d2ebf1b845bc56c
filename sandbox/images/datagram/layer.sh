# shellcheck shell=bash
# A stand-in for Neoflex Datagram: a small server with what an installation touches of it (see its head).

# The tag that charts name.
# shellcheck disable=SC2034  # for `build`
DATAGRAM_TAG=latest

datagram_layer() { # BASE ROOT
  local base=$1 root=$2 home=$2/opt/datagram-stand-in
  another_account "$base" "$root" 'datagram:x:65532:65532::/data:/usr/sbin/nologin' 'datagram:x:65532:'
  cp -R "$IMAGE_SOURCES/datagram/rootfs/." "$root"
  # The example that operators are given.
  cp "$IMAGE_SOURCES/../../examples/airflow/livy_pi.py" "$home/dags/"
  wheels "datagram's driver for PostgreSQL" "$IMAGE_SOURCES/datagram/requirements.txt" "$home/lib"
  chmod -R u=rwX,go=rX "$root"
  install -d -m 0755 -o 65532 -g 65532 "$root/data"
}

# shellcheck disable=SC2034  # for `build`
DATAGRAM_CONFIG='{
  "User": "65532:65532",
  "WorkingDir": "/opt/datagram-stand-in",
  "Entrypoint": ["/usr/bin/python3", "/opt/datagram-stand-in/server.py"],
  "ExposedPorts": {"8089/tcp": {}},
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"],
  "Labels": {"org.opencontainers.image.title": "stand-in for neoflexdatagram/datagram, a server of the windlass sandbox",
    "org.opencontainers.image.version": "stand-in"}
}'
