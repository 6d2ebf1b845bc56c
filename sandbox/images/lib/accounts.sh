# shellcheck shell=bash
# Users of the images. Expects IMAGES, common.sh and oci.sh.

# account ROOT NAME HOME: gives a user and its group, which a Debian package made, the id 999 that official images use.
account() {
  local root=$1 name=$2 home=$3
  if grep -E '^[^:]*:[^:]*:999:' "$root/etc/passwd" "$root/etc/group" | grep -qv ":$name:"; then
    die "the id 999 of $name is taken in Debian $DEBIAN_SUITE"
  fi
  sed -i -E "s#^$name:([^:]*):.*#$name:\1:999:999::$home:/bin/bash#" "$root/etc/passwd"
  sed -i -E "s/^$name:([^:]*):[0-9]+:/$name:\1:999:/" "$root/etc/group"
}

# another_account BASE ROOT PASSWD [GROUP]: the accounts of the layer below, and one more.
another_account() {
  local base=$1 root=$2 accounts
  mkdir -p "$root/etc"
  accounts=$(unpacked "$base" ./etc/passwd ./etc/group)
  { cat "$accounts/etc/passwd" && echo "$3"; } >"$root/etc/passwd"
  { cat "$accounts/etc/group" && [ -z "${4:-}" ] || echo "$4"; } >"$root/etc/group"
  rm -rf "$accounts"
}
