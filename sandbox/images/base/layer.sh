# shellcheck shell=bash
# Debian with a Java runtime: the layer that all three images share.

# procps, tini and libnss-wrapper are what the Spark image has, dumb-init what the Hadoop image has.
BASE_SUITE=bookworm
BASE_PACKAGES=ca-certificates,dumb-init,libnss-wrapper,openjdk-17-jre-headless,procps,tini

base_layer() { # ROOT
  local root=$1 proxy options=()
  for proxy in http https; do
    # The host's apt may go through a proxy that mmdebstrap would not read.
    eval "$(apt-config shell value "Acquire::$proxy::Proxy")"
    [ -z "${value:-}" ] || options+=(--aptopt="Acquire::$proxy::Proxy \"$value\"")
    unset value
  done
  # (Java's package links its manual pages, so their folder has to be there.)
  # In namespaces of its own: should this be killed, nothing stays mounted in a folder that the next build removes.
  # TERM does not reach a process through `unshare --fork`, so the parent's death must come as KILL.
  # shellcheck disable=SC2016  # $1 is for mmdebstrap's hook
  SOURCE_DATE_EPOCH=$EPOCH heartbeat "Debian and Java ($BASE_SUITE)" "$CACHE/logs/image-base.log" \
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    mmdebstrap --mode=root --variant=minbase --format=directory --include="$BASE_PACKAGES" "${options[@]}" \
    --setup-hook='mkdir -p "$1/usr/share/man/man1"' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$BASE_SUITE" "$root" ${WINDLASS_DEBIAN_MIRROR:+"$WINDLASS_DEBIAN_MIRROR"} ||
    die "failed to make a Debian $BASE_SUITE with mmdebstrap (log above)" \
      "see $CACHE/logs/image-base.log; WINDLASS_DEBIAN_MIRROR=URL names another mirror"
  python3 "$IMAGE_SOURCES/base/fixed-cacerts" "$root/etc/ssl/certs/java/cacerts" "$EPOCH" ||
    die "failed to give Java's keystore in the image a fixed date (above)"
  # Independent of the architecture in the name of Debian's folder.
  ln -s "$(basename "$(find "$root/usr/lib/jvm" -maxdepth 1 -type d -name 'java-17-openjdk-*')")" "$root/usr/lib/jvm/java-17"
  # The runtime mounts these; the host's must not leak into the image.
  rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root/etc/hosts"
  : >"$root/etc/machine-id"
  rm -rf "$root"/var/log/* "$root"/var/cache/ldconfig/* "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/tmp/*
}
