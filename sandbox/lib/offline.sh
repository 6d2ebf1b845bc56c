# shellcheck shell=bash
# shellcheck disable=SC2153,SC2034  # settings come from common.sh, NODE_ONLY goes to addons.sh
# A sandbox without a way out, in which an install from an offline bundle is rehearsed. Packets that want to leave are
# dropped, as a site's firewall drops them, and counted. What installs has a network of its own, from which it reaches the
# API and the registry and nothing else: the host, which may have internet, is not in between.

# Between the node and what installs; seen by these two only.
OPERATOR_GATEWAY=169.254.97.1
OPERATOR_IP=169.254.97.2
OUTSIDE=192.0.2.53 # nobody's, by RFC 5737: what asks it for a name wanted to leave

# Sets OFFLINE to yes or no: what this `up` was told, else what an earlier one was.
choose_way() { # yes, no or nothing
  local earlier
  earlier=$(chosen_way)
  OFFLINE=${1:-$earlier}
  if [ "$OFFLINE" = yes ] && [ "$earlier" = no ] && grep -qsv ' sandbox/[^ ]*$' "$STATE/images"; then
    die "this sandbox's registry holds the platform's images already: an install from an offline bundle would prove nothing" \
      "sandbox/down && sandbox/up --offline"
  fi
  if [ "$OFFLINE" = yes ]; then NODE_ONLY=yes; fi
  mkdir -p "$STATE"
  echo "$OFFLINE" | publish "$STATE/offline"
}
chosen_way() { if [ -f "$STATE/offline" ]; then cat "$STATE/offline"; else echo no; fi; }
# What the node was started with.
node_offline() { grep -qs '^OFFLINE=yes$' "$NODE/etc/node.env" && echo yes || echo no; }
offline_as_chosen() {
  [ "$(node_offline)" = "$OFFLINE" ] && { [ "$OFFLINE" = no ] || egress_ready; }
}
egress_ready() { { in_node nft list table inet egress && in_operator nft list table inet egress; } >/dev/null; }

# in_operator COMMAND...: in the network of what installs.
in_operator() { nsenter --net="/proc/$NODE_PID/root/run/netns/operator" -- "$@"; }

make_offline_files() {
  [ "$OFFLINE" = yes ] || return 0
  egress_rules "$POD_CIDR, $SERVICE_CIDR, $NODE_IP, $OPERATOR_GATEWAY/30" "$HOST_IP" | publish "$NODE/etc/egress-node.nft"
  egress_rules "$NODE_IP, $OPERATOR_GATEWAY/30" "$NODE_IP" | publish "$NODE/etc/egress-operator.nft"
  printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$OUTSIDE" | publish "$NODE/etc/resolv-operator.conf"
}

# Looks at every packet that is sent here and every one that comes in to be passed on (a pod's), before an address is
# translated. What stays on the link (IPv6's own messages, multicast of the link) does not leave.
egress_rules() { # ADDRESSES-INSIDE ADDRESS-THAT-IS-ANSWERED
  cat <<NFT
table inet egress {
  counter left { }
  set ports4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; size 65535; flags dynamic; counter; }
  set ports6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; size 65535; flags dynamic; counter; }
  set others4 { type ipv4_addr . ipv4_addr . inet_proto; size 65535; flags dynamic; counter; }
  set others6 { type ipv6_addr . ipv6_addr . inet_proto; size 65535; flags dynamic; counter; }
  chain judge {
    ip daddr { 127.0.0.0/8, 224.0.0.0/24, $1 } return
    ip6 daddr { ::1, fe80::/10, ff02::/16 } return
    ip daddr $2 ct state established,related return
    counter name left
    meta nfproto ipv4 meta l4proto { tcp, udp } add @ports4 { ip saddr . ip daddr . meta l4proto . th dport } drop
    meta nfproto ipv6 meta l4proto { tcp, udp } add @ports6 { ip6 saddr . ip6 daddr . meta l4proto . th dport } drop
    meta nfproto ipv4 add @others4 { ip saddr . ip daddr . meta l4proto }
    meta nfproto ipv6 add @others6 { ip6 saddr . ip6 daddr . meta l4proto }
    drop
  }
  chain sent { type filter hook output priority mangle; policy accept; jump judge; }
  chain passed { type filter hook prerouting priority mangle; policy accept; jump judge; }
}
NFT
}

# Prints how many packets wanted to leave, and from where to where. Fails where there is one.
egress_report() {
  local total=0 where packets
  for where in in_node in_operator; do
    packets=$("$where" nft list counter inet egress left | sed -n 's/.*packets \([0-9]*\).*/\1/p')
    [ -n "$packets" ] || die "failed to read the counter of packets that wanted to leave" "sandbox/up --offline"
    total=$((total + packets))
  done
  echo "packets that wanted to leave: $total"
  [ "$total" != 0 ] || return 0
  {
    egress_list in_node
    egress_list in_operator
  } | sort -k1,1nr | with_pods
  return 1
}
egress_list() { # in_node or in_operator: lines "PACKETS FROM TO PROTOCOL [PORT]"
  local set
  for set in ports4 ports6 others4 others6; do
    "$1" nft list set inet egress $set
  done | tr '{},' '\n' | sed -n 's/^[[:space:]]*\(.* \. .*\) counter packets \([0-9]*\).*/\2 \1/p' | sed 's/ \. / /g'
}
with_pods() {
  local pods count from to rest who
  pods=$(kubectl get pods -A -o 'jsonpath={range .items[*]}{.status.podIP} {.metadata.namespace}/{.metadata.name}{"\n"}{end}' 2>/dev/null || true)
  while read -r count from to rest; do
    who=$(awk -v ip="$from" '$1 == ip {print "pod " $2; exit}' <<<"$pods")
    case $from in
    "$OPERATOR_IP") who="what installs" ;;
    "$OPERATOR_GATEWAY" | "$BRIDGE_IP" | "$NODE_IP") who="the node itself" ;;
    esac
    printf '  %6s to %s %s from %s\n' "$count" "$to" "$rest" "${who:-$from}"
  done
}
