# shellcheck shell=bash
# Bytewax in the layout of bytewax/bytewax: /venv, /bytewax/entrypoint.sh. From wheels, for Debian 12's Python.

BYTEWAX_VERSION=0.21.1

bytewax_layer() { # ROOT
  local root=$1
  wheels "bytewax $BYTEWAX_VERSION" "$IMAGE_SOURCES/bytewax/requirements.txt" "$root/venv/lib/python3.11/site-packages"
  venv "$root/venv"
  cp -R "$IMAGE_SOURCES/bytewax/rootfs/." "$root"
  chmod -R u=rwX,go=rX "$root"
  chmod 0755 "$root/bytewax/entrypoint.sh"
}

# No user, as there: a pod has to set one.
# shellcheck disable=SC2034  # for `build`
BYTEWAX_CONFIG='{
  "WorkingDir": "/bytewax",
  "Entrypoint": ["/bin/sh", "-c", "./entrypoint.sh"],
  "ExposedPorts": {"3030/tcp": {}, "9999/tcp": {}},
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "BYTEWAX_WORKDIR=/bytewax", "LANG=C.UTF-8"],
  "Labels": {"org.opencontainers.image.title": "stand-in for bytewax/bytewax, made from packages by the windlass sandbox",
    "org.opencontainers.image.version": "0.21.1"}
}'
