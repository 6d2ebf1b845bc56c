# shellcheck shell=bash
# Settings, messages, locks and small helpers that every script of the sandbox shares.
# Sourced with SANDBOX_HOME (the folder of this tree's sandbox/) set.
# shellcheck disable=SC2034  # what is set here is used by the files that source this one

# What is made here must be readable by the users inside the images, whatever the caller's umask; what is parsed here
# must not be translated.
umask 022
export LC_ALL=C.UTF-8

# Settings. All of them can be overridden, so that two sandboxes can live on one machine.
NAME=${WINDLASS_SANDBOX_NAME:-windlass}
DIR=${WINDLASS_SANDBOX_DIR:-/var/lib/windlass/sandbox}
CACHE=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/windlass}
SUBNET=${WINDLASS_SANDBOX_SUBNET:-10.97.0.0/30}
CONTEXT=$NAME-sandbox # of the kubeconfig; the cgroup has this name too
NODE_NAME=$NAME-node
INGRESS_DOMAIN=sandbox.$NAME.test # of the ingress hosts; .test is nobody's, and no resolver knows it

# Fixed: only ever seen inside the node's own network namespace, so they cannot clash with the host's.
POD_CIDR=10.244.0.0/24
BRIDGE_IP=10.244.0.1
SERVICE_CIDR=10.96.0.0/16
DNS_IP=10.96.0.10
KUBERNETES_VERSION=1.34.4
COREDNS_TAG=1.12.4
PAUSE_IMAGE=sandbox.local/pause:1 # imported, never pulled: a pod's own pull secret does not count for it
LINK=$NAME-sbx

NODE=$DIR/node # everything the node keeps; what a user needs is directly in DIR
STATE=$DIR/state
TRACES=/var/lib/windlass/traces # what was made outside of DIR, of all sandboxes of this machine together
LOCK=/run/windlass-sandbox-$NAME.lock

# Messages: what failed, where, and the next command; progress on stderr, results on stdout.
now_ms() { date +%s%3N; }
STARTED=${SANDBOX_STARTED:-$(now_ms)} # of the outermost script, so that times go on in those it calls
seconds_since() { # MS -> "12.3"
  local ms=$(($(now_ms) - $1))
  printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}
say() { printf '[%6ss] %s\n' "$(seconds_since "$STARTED")" "$*" >&2; }
warn() { say "warning: $*"; }
die() { # MESSAGE [NEXT COMMAND]
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  next: %s\n' "$2" >&2
  exit 1
}

# step TITLE COMMAND...: says what begins, and how long it took.
step() {
  local title=$1 begun
  begun=$(now_ms)
  shift
  say "$title"
  "$@"
  say "$title: done in $(seconds_since "$begun") s"
}

# heartbeat TITLE LOG COMMAND...: runs a long command with its output in LOG and says every ten seconds that it
# still runs and what it did last. The command dies with this script, so that a killed `up` leaves no build behind.
heartbeat() {
  local title=$1 log=$2 begun pid rc=0 last next=10000
  begun=$(now_ms)
  shift 2
  mkdir -p "$(dirname "$log")"
  setpriv --pdeathsig TERM "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while sleep 0.5 && [ -d "/proc/$pid" ] && [ "$(proc_state "$pid")" != Z ]; do
    if [ $(($(now_ms) - begun)) -ge "$next" ]; then
      last=$(tail -n 1 "$log" 2>/dev/null | sed 's/\x1b\[[0-9;]*m//g; s/\r//g' | cut -c1-100 || true)
      say "  $title: $(seconds_since "$begun") s${last:+, $last}"
      next=$((next + 10000))
    fi
  done
  wait "$pid" || rc=$?
  if [ "$rc" != 0 ]; then
    tail -n 20 "$log" | sed 's/^/  | /' >&2
    return "$rc"
  fi
}

# Processes are named by pid and start time, since a pid alone may by now be another's.
proc_state() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1; }
proc_start() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# until_true SECONDS WHAT COMMAND...: waits for a command to succeed, with a deadline, saying what it waits for.
until_true() {
  local deadline=$(($(now_ms) + $1 * 1000)) what=$2 next
  next=$(($(now_ms) + 5000))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ "$(now_ms)" -ge "$deadline" ]; then return 1; fi
    if [ "$(now_ms)" -ge "$next" ]; then
      say "  waiting for $what"
      next=$((next + 5000))
    fi
    sleep 0.2
  done
}

# publish FILE [MODE]: writes stdin to FILE so that nobody ever reads half of it.
publish() {
  local tmp
  tmp=$(mktemp "$1.XXXXXX")
  cat >"$tmp"
  chmod "${2:-0644}" "$tmp"
  mv -f "$tmp" "$1"
}

# render FILE: a template with its @NAMES@ filled in.
render() {
  sed -e "s#@NODE@#$NODE#g" -e "s#@DIR@#$DIR#g" -e "s#@CONTEXT@#$CONTEXT#g" -e "s#@NODE_NAME@#$NODE_NAME#g" \
    -e "s#@POD_CIDR@#$POD_CIDR#g" -e "s#@BRIDGE_IP@#$BRIDGE_IP#g" -e "s#@SERVICE_CIDR@#$SERVICE_CIDR#g" \
    -e "s#@DNS_IP@#$DNS_IP#g" -e "s#@REGISTRY@#$REGISTRY#g" -e "s#@DEBS@#${DEBS:-}#g" \
    -e "s#@NODE_IP@#$NODE_IP#g" -e "s#@PAUSE_IMAGE@#$PAUSE_IMAGE#g" -e "s#@COREDNS_TAG@#$COREDNS_TAG#g" "$1"
}

require_root() {
  [ "$(uname -s)" = Linux ] || die "the sandbox needs Linux, this is $(uname -s): it is made of Linux namespaces" \
    "use a Linux machine, or a cluster of yours with --context"
  [ "$(id -u)" = 0 ] || die "the sandbox needs root: it makes namespaces, mounts and cgroups" "sudo $0"
}

# The two addresses of the link between host and node, from SUBNET (a /30).
link_addresses() {
  local a b c d bits
  IFS=./ read -r a b c d bits <<<"$SUBNET"
  case $SUBNET in
  *[!0-9./]* | *..*) bits= ;;
  esac
  if [ "${bits:-}" != 30 ] || [ -z "$d" ] || [ $((d % 4)) != 0 ]; then
    die "WINDLASS_SANDBOX_SUBNET=$SUBNET is not a /30 network such as 10.97.0.0/30"
  fi
  HOST_IP=$a.$b.$c.$((d + 1))
  NODE_IP=$a.$b.$c.$((d + 2))
  REGISTRY=$NODE_IP:5000
}
case $NAME in
*[!a-z0-9]* | [0-9]* | '') die "WINDLASS_SANDBOX_NAME=$NAME is not a name of lower-case letters and digits" ;;
esac
[ ${#NAME} -le 11 ] || die "WINDLASS_SANDBOX_NAME=$NAME is longer than 11 characters (it names a network link)"
case $DIR in
/?*) ;;
*) die "WINDLASS_SANDBOX_DIR=$DIR is not an absolute path" ;;
esac
case $DIR$CACHE in
*[!A-Za-z0-9._/-]*) die "the sandbox and cache paths may hold letters, digits, dot, dash and underscore only: $DIR, $CACHE" ;;
esac
link_addresses

# One `up` or `down` of a name at a time. The lock is in /run: it must outlive DIR, which `down` deletes.
# Children get it closed (see LOCK_FD), or a surviving daemon would hold it for ever.
take_lock() { # WHAT
  local said=0
  exec {LOCK_FD}>>"$LOCK"
  while ! flock -n "$LOCK_FD"; do
    if [ $((said % 20)) = 2 ]; then say "another command holds $LOCK ($(cat "$LOCK" 2>/dev/null)): waiting for it"; fi
    said=$((said + 1))
    [ $said -lt 3600 ] || die "gave up waiting for $LOCK after half an hour" "ps -p \"\$(fuser $LOCK)\""
    sleep 0.5
  done
  : >"$LOCK"
  printf '%s, pid %s' "$1" $$ >"$LOCK"
}

# A proxy of the host's does not know the node.
export NO_PROXY="${NO_PROXY:-${no_proxy:-}},localhost,127.0.0.1,$NODE_IP"
export no_proxy=$NO_PROXY

# A folder belongs to one name and one subnet.
check_claim() {
  local name subnet
  read -r name subnet <"$DIR/.windlass-sandbox"
  [ "$name $subnet" = "$NAME $SUBNET" ] || die "$DIR belongs to the sandbox $name on $subnet, not to $NAME on $SUBNET" \
    "WINDLASS_SANDBOX_NAME=$name WINDLASS_SANDBOX_SUBNET=$subnet $0"
}
