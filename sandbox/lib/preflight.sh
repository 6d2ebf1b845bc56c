# shellcheck shell=bash
# shellcheck disable=SC2153,SC2034  # settings come from common.sh and go to build.sh
# Everything that can be known to fail before anything is made: system, kernel, memory, disk, addresses.

# MiB. What they come from is in docs/sandbox.md, measured; the environment changes them for odd machines.
MIN_MEMORY=${WINDLASS_SANDBOX_MIN_MEMORY:-2800}
if [ "${NODE_ONLY:-no}" = yes ]; then MIN_MEMORY=${WINDLASS_SANDBOX_MIN_MEMORY:-1000}; fi
MIN_MEMORY_BUILD=${WINDLASS_SANDBOX_MIN_MEMORY_BUILD:-2000}
MIN_DISK=${WINDLASS_SANDBOX_MIN_DISK:-6000}
MIN_DISK_BUILD=${WINDLASS_SANDBOX_MIN_DISK_BUILD:-14000}

preflight() {
  check_system
  check_memory "$MIN_MEMORY" "run the sandbox"
  check_disk "$DIR" "$MIN_DISK" "the cluster's images and data" WINDLASS_SANDBOX_DIR
  check_packages
  check_kernel
  check_link
}

# Debian 12 and 13 name and version the packages that the node and the images are made of.
check_system() {
  local release=${WINDLASS_OS_RELEASE:-/etc/os-release} id='' version='' name=''
  if [ -r "$release" ]; then
    id=$(sed -n 's/^ID=//p' "$release" | tr -d '"')
    version=$(sed -n 's/^VERSION_ID=//p' "$release" | tr -d '"')
    name=$(sed -n 's/^PRETTY_NAME=//p' "$release" | tr -d '"')
  fi
  case $id:$version in
  debian:12 | debian:13) ;;
  *) die "the sandbox supports Debian 12 and 13 ($release says: ${name:-nothing}): its node and images are made of Debian's packages" \
    "run it on Debian 12 or 13 (a virtual machine will do), or install into a cluster of yours with --context" ;;
  esac
  case $(uname -m) in
  x86_64) ;;
  aarch64) warn "arm64 is untested" ;;
  *) die "the sandbox supports x86_64 (and, untested, aarch64), this is $(uname -m)" ;;
  esac
}

# The smaller of what the machine has left and what a memory limit of this container leaves, in MiB.
available_memory() {
  local free limit used v1=/sys/fs/cgroup/memory v2=/sys/fs/cgroup
  free=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  if [ -r $v2/memory.max ]; then
    limit=$(cat $v2/memory.max) used=$(cat $v2/memory.current)
  elif [ -r $v1/memory.limit_in_bytes ]; then
    limit=$(cat $v1/memory.limit_in_bytes) used=$(cat $v1/memory.usage_in_bytes)
  else
    limit=max
  fi
  if [ "$limit" != max ] && [ ${#limit} -lt 16 ] && [ $(((limit - used) / 1048576)) -lt "$free" ]; then
    free=$(((limit - used) / 1048576))
  fi
  echo "$free"
}

check_memory() { # MIB PURPOSE
  local have
  # A node that runs has its share already.
  if node_alive; then return; fi
  have=$(available_memory)
  [ "$have" -ge "$1" ] || die "$have MiB of memory are free, to $2 takes $1 MiB" \
    "free some memory, or lower the limit with WINDLASS_SANDBOX_MIN_MEMORY at your own risk"
}

check_disk() { # FOLDER MIB PURPOSE VARIABLE
  local folder=$1 have
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  have=$(df -Pm "$folder" | awk 'NR == 2 {print $4}')
  [ "$have" -ge "$2" ] || die "$have MiB of disk are free under $folder, $3 takes $2 MiB" \
    "free some space, or set $4 to a folder on a larger disk"
}

# Tries what the node will do in a throwaway namespace instead of reading a kernel configuration: it is the only
# answer that counts, and it loads the modules where modules exist.
check_kernel() {
  local what
  load_modules
  what=$(unshare -n -m -p --fork --mount-proc bash "$SANDBOX_HOME/lib/probe-kernel" 2>&1) ||
    die "this kernel ($(uname -r)) or container lacks something the node needs: ${what:-namespaces (unshare -n -m -p)}" \
      "boot a stock Debian kernel, or give the container the capability (a privileged one has all)"
}

# Containers' file systems lie in DIR: overlayfs has to work on the disk it is on (it does not on another overlayfs,
# such as the root of a container).
check_overlay() {
  local probe=$STATE/overlay
  mkdir -p "$probe"/{lower,upper,work,merged}
  # shellcheck disable=SC2016  # expanded by the inner shell
  unshare -m bash -c 'mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"' - "$probe" 2>/dev/null ||
    die "overlayfs does not work on the file system under $DIR ($(stat -f -c %T "$DIR"))" \
      "set WINDLASS_SANDBOX_DIR to a folder on ext4 or xfs (in a container: on a volume)"
  rm -rf "$probe"
}

# Modules load by name on most kernels when used; br_netfilter does not. Loading it switches bridge filtering on for
# the host's own bridges, so it is switched off again there, and `down` unloads what was loaded here.
load_modules() {
  local module
  for module in overlay bridge veth br_netfilter; do
    if [ -d "/sys/module/$module" ] || ! command -v modprobe >/dev/null || [ ! -d "/lib/modules/$(uname -r)" ]; then continue; fi
    if modprobe "$module" 2>/dev/null && [ -d "/sys/module/$module" ]; then
      mkdir -p "$TRACES"
      echo "$module" >>"$TRACES/modules"
      if [ "$module" = br_netfilter ]; then
        sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 net.bridge.bridge-nf-call-arptables=0
      fi
    fi
  done
}

# Only the link's /30 exists on the host. Pod and service addresses stay inside the node's network namespace, so it
# does not matter when the host routes the same ranges.
check_link() {
  local owner route
  if ip link show "$LINK" >/dev/null 2>&1; then
    if ip -4 -o addr show dev "$LINK" | grep -q " $HOST_IP/30 "; then return; fi
    # A link of this name without the address is left from a run that was killed; starting the node replaces it.
    if node_alive; then return; fi
  fi
  owner=$(ip -4 -o addr show | awk -v ip="$HOST_IP" -v ip2="$NODE_IP" '{split($4, a, "/"); if (a[1] == ip || a[1] == ip2) print $2}')
  [ -z "$owner" ] || die "the address $HOST_IP is already on the link $owner" \
    "WINDLASS_SANDBOX_SUBNET=10.98.0.0/30 $0 (any free /30)"
  route=$(ip -4 route show table all type unicast | awk '$1 != "default" {print $1}' | overlapping "$SUBNET" | head -n 1)
  [ -z "$route" ] || die "the host routes $route, which overlaps the sandbox's link $SUBNET" \
    "WINDLASS_SANDBOX_SUBNET=10.98.0.0/30 $0 (any free /30)"
  route=$(printf '%s\n' "$POD_CIDR" "$SERVICE_CIDR" | overlapping "$SUBNET" | head -n 1)
  [ -z "$route" ] || die "WINDLASS_SANDBOX_SUBNET=$SUBNET overlaps the cluster's own range $route"
}

# Prints those networks of stdin (one per line) that share an address with NETWORK.
overlapping() { # NETWORK
  awk -v net="$1" '
    function start(n,  p, a) { split(n, p, "/"); split(p[1], a, "."); return ((a[1] * 256 + a[2]) * 256 + a[3]) * 256 + a[4] }
    function size(n,  p) { return split(n, p, "/") == 2 ? 2 ^ (32 - p[2]) : 1 }
    /^[0-9.]+(\/[0-9]+)?$/ { a = start($0); b = start(net); if (a < b + size(net) && b < a + size($0)) print }'
}
