# shellcheck shell=bash
# The root file system of a Debian with some packages, as a layer. Expects CACHE, EPOCH and common.sh.

DEBIAN_SUITE=bookworm

# debian_root NAME PACKAGES ROOT: PACKAGES are separated by commas; NAME is what the log is called.
debian_root() {
  local name=$1 packages=$2 root=$3 proxy options=()
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
  SOURCE_DATE_EPOCH=$EPOCH heartbeat "Debian ($DEBIAN_SUITE) for $name" "$CACHE/logs/image-$name.log" \
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    mmdebstrap --mode=root --variant=minbase --format=directory --include="$packages" "${options[@]}" \
    --setup-hook='mkdir -p "$1/usr/share/man/man1"' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$DEBIAN_SUITE" "$root" ${WINDLASS_DEBIAN_MIRROR:+"$WINDLASS_DEBIAN_MIRROR"} ||
    die "failed to make a Debian $DEBIAN_SUITE with mmdebstrap (log above)" \
      "see $CACHE/logs/image-$name.log; WINDLASS_DEBIAN_MIRROR=URL names another mirror"
  # The runtime mounts these; the host's must not leak into the image.
  rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root/etc/hosts"
  : >"$root/etc/machine-id"
  rm -rf "$root"/var/log/* "$root"/var/cache/ldconfig/* "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/tmp/*
}
