# shellcheck shell=bash
# Bytewax in the layout of bytewax/bytewax: /venv, /bytewax/entrypoint.sh. From wheels, for Debian 12's Python.

BYTEWAX_VERSION=0.21.1

bytewax_layer() { # ROOT
  local root=$1 machine site=$1/venv/lib/python3.11/site-packages
  machine=$(uname -m)
  mkdir -p "$site" "$root/venv/bin"
  # For the image's Python, whatever the host's is. Nothing is compiled: a compiled file holds its source's time, which
  # becomes another in the layer.
  heartbeat "bytewax $BYTEWAX_VERSION" "$CACHE/logs/image-bytewax.log" "$(python_with_pip)" -m pip install --target "$site" --no-deps \
    --require-hashes --only-binary :all: --no-compile --no-cache-dir --progress-bar off --disable-pip-version-check --root-user-action ignore \
    --implementation cp --python-version 3.11 --platform "manylinux_2_31_$machine" --platform "manylinux_2_28_$machine" \
    --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" --requirement "$IMAGE_SOURCES/bytewax/requirements.txt" ||
    die "failed to install bytewax $BYTEWAX_VERSION (log above)" "python3 -m pip download --no-deps bytewax==$BYTEWAX_VERSION"
  # Programs of the packages name the host's Python.
  rm -rf "${site:?}/bin"
  # What `python3 -m venv` makes, without running the image's Python.
  printf '%s\n' 'home = /usr/bin' 'include-system-site-packages = false' 'version = 3.11' >"$root/venv/pyvenv.cfg"
  ln -s /usr/bin/python3 "$root/venv/bin/python3"
  ln -s python3 "$root/venv/bin/python"
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
