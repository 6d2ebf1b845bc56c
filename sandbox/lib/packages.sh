# shellcheck shell=bash
# What comes from Debian. Tools are installed where missing; the node's daemons are unpacked into the cache instead,
# since installing them would start and enable services on the host, and containerd would push Docker's off it.

# command:package
TOOLS="ip:iproute2 iptables:iptables ipset:ipset openssl:openssl unshare:util-linux nsenter:util-linux setpriv:util-linux flock:util-linux
  sysctl:procps pgrep:procps perl:perl-base curl:curl awk:mawk jq:jq"
NODE_PACKAGES="containerd runc containernetworking-plugins docker-registry busybox-static"

missing_tools() {
  local entry
  for entry in $TOOLS; do
    command -v "${entry%%:*}" >/dev/null || echo "${entry##*:}"
  done | sort -u
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
  [ -z "${PROBE_EGRESS:-}" ] || command -v nft >/dev/null || echo nftables
}

check_packages() {
  local missing
  missing=$(missing_tools | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  say "installing from Debian: $missing"
  export DEBIAN_FRONTEND=noninteractive
  mkdir -p "$CACHE/logs"
  apt_lists
  # shellcheck disable=SC2086  # a list of names
  heartbeat "apt-get install" "$CACHE/logs/apt.log" apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing ||
    die "failed to install $missing from Debian (log above)" "apt-get install $missing"
}

apt_lists() {
  [ -z "${APT_LISTS_FRESH:-}" ] || return 0
  heartbeat "apt-get update" "$CACHE/logs/apt-update.log" apt-get update ||
    die "failed to read Debian's package lists (log above)" "apt-get update"
  APT_LISTS_FRESH=1
}

# Sets DEBS to the folder with the node's packages, unpacked. The key holds no versions: Debian's mirrors only have
# the newest, so what is there stays until the cache is removed. What was unpacked is noted in DEBS/versions.
node_packages() {
  local key
  key=$(printf '%s\n' "$(sed -n 's/^VERSION_ID=//p' /etc/os-release)" "$(uname -m)" "$NODE_PACKAGES" | sha256sum | cut -c1-16)
  DEBS=$CACHE/debs/$key
  if [ ! -d "$DEBS" ]; then unpack_packages; fi
  DEBS_BUSYBOX=$DEBS/bin/busybox
  [ -x "$DEBS_BUSYBOX" ] || DEBS_BUSYBOX=$DEBS/usr/bin/busybox
}

unpack_packages() {
  local tmp deb
  mkdir -p "$CACHE/debs" "$CACHE/logs"
  rm -rf "$CACHE"/debs/tmp.*
  tmp=$(mktemp -d "$CACHE/debs/tmp.XXXXXX")
  chmod 0755 "$tmp"
  mkdir "$tmp/root" "$tmp/deb"
  # shellcheck disable=SC2016,SC2086  # expanded by the inner shell; a list of names
  download() {
    (cd "$tmp/deb" && heartbeat "apt-get download" "$CACHE/logs/debs.log" apt-get -o APT::Sandbox::User=root download $NODE_PACKAGES)
  }
  if ! download 2>/dev/null; then
    apt_lists
    download || die "failed to download $NODE_PACKAGES from Debian (log above)" "apt-get update && apt-get download $NODE_PACKAGES"
  fi
  for deb in "$tmp"/deb/*.deb; do
    dpkg-deb -x "$deb" "$tmp/root"
    basename "$deb" >>"$tmp/root/versions"
  done
  mv "$tmp/root" "$DEBS"
  rm -rf "$tmp"
}
