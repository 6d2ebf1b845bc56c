# shellcheck shell=bash
# PostgreSQL in the layout of the official image `postgres`: its entrypoint, paths, user and uid. From Debian.

# The tag that charts name.
# shellcheck disable=SC2034  # for `build`
POSTGRES_TAG=15.14-bookworm
# libnss-wrapper lends a name to a uid that has none, as there.
POSTGRES_PACKAGES=ca-certificates,libnss-wrapper,postgresql-15,tzdata

postgres_layer() { # ROOT
  local root=$1 sample=$1/usr/share/postgresql/15/postgresql.conf.sample
  debian_root postgres "$POSTGRES_PACKAGES" "$root"
  [ -x "$root/usr/lib/postgresql/15/bin/postgres" ] || die "the PostgreSQL of Debian $DEBIAN_SUITE is not 15"
  account "$root" postgres /var/lib/postgresql
  # What installing the packages made: a cluster, and a key and certificate that would be the same in every container.
  rm -rf "$root/var/lib/postgresql" "$root/etc/postgresql" "$root"/etc/ssl/private/* "$root"/etc/ssl/certs/ssl-cert-snakeoil.pem
  find "$root/etc/ssl/certs" -xtype l -delete
  # Compiling queries at run time takes LLVM, which is half of the image. Without the library `jit` has no effect.
  rm -rf "$root/usr/lib/postgresql/15/lib/llvmjit.so" "$root/usr/lib/postgresql/15/lib/bitcode" "$root"/usr/lib/*/libLLVM*
  sed -i -E "s/^#?listen_addresses = .*/listen_addresses = '*'/" "$sample"
  grep -q "^listen_addresses = '\*'$" "$sample" || die "$sample has no listen_addresses"
  # A folder and no link to /run: what is in /run belongs to the runtime, and would not be in the image.
  rm -rf "$root/var/run"
  install -d -m 0755 "$root/var/run" "$root/docker-entrypoint-initdb.d"
  install -d -m 3777 -o 999 -g 999 "$root/var/run/postgresql"
  install -d -m 1777 -o 999 -g 999 "$root/var/lib/postgresql" "$root/var/lib/postgresql/data"
  install -m 0755 "$IMAGE_SOURCES/postgres/rootfs/usr/local/bin/docker-entrypoint.sh" "$root/usr/local/bin/"
}

# No user, as there: the entrypoint becomes postgres where it is root, and a pod has to set one.
# shellcheck disable=SC2034  # for `build`
POSTGRES_CONFIG='{
  "WorkingDir": "/",
  "Entrypoint": ["docker-entrypoint.sh"],
  "Cmd": ["postgres"],
  "StopSignal": "SIGINT",
  "ExposedPorts": {"5432/tcp": {}},
  "Volumes": {"/var/lib/postgresql/data": {}},
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin", "PG_MAJOR=15",
    "PGDATA=/var/lib/postgresql/data", "LANG=C.UTF-8"],
  "Labels": {"org.opencontainers.image.title": "stand-in for postgres, made from packages by the windlass sandbox",
    "org.opencontainers.image.version": "15"}
}'
