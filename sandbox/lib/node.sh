# shellcheck shell=bash
# shellcheck disable=SC2153  # settings come from common.sh
# The node: a pid, network and mount namespace of its own with the cluster's daemons in it, and the link to the host.

# Sets NODE_PID to the namespace's first process as the host sees it. Fails when there is none.
node_alive() {
  local outer start
  read -r outer start 2>/dev/null <"$STATE/node" || return 1
  [ -n "$start" ] && [ "$(proc_start "$outer")" = "$start" ] || return 1
  NODE_PID=$(pgrep -P "$outer" | head -n 1)
  [ -n "$NODE_PID" ]
}

# in_node COMMAND...: runs it inside the node's namespaces.
in_node() {
  nsenter -t "$NODE_PID" -n -m -p -- "$@"
}

make_node_files() {
  local file
  mkdir -p "$NODE"/{etc/cni,"etc/certs.d/$REGISTRY",kubelet,volumes,registry,logs,bin,etcd} "$STATE" "$DIR/bin"
  # Pods of any uid write into volumes and emptyDirs, whose folders are open to all: nobody else on this machine gets there.
  chmod 0700 "$NODE" "$NODE/volumes" "$NODE/etcd"
  for file in containerd.toml kubelet.yaml kube-proxy.yaml registry.yaml resolv.conf storage.json storage-helper.yaml; do
    render "$SANDBOX_HOME/node/$file" | publish "$NODE/etc/$file"
  done
  render "$SANDBOX_HOME/node/cni.conflist" | publish "$NODE/etc/cni/10-sandbox.conflist"
  render "$SANDBOX_HOME/node/hosts.toml" | publish "$NODE/etc/certs.d/$REGISTRY/hosts.toml"
  # Copies (hard links where the disk allows), so that the cache can be removed while the node runs.
  keep "${PROGRAM[kubernetes]}" "$NODE/bin/kube"
  for file in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do ln -sfn kube "$NODE/bin/$file"; done
  for file in etcd local-path-provisioner kube-router; do keep "${PROGRAM[$file]}" "$NODE/bin/$file"; done
  if [ "$INGRESS" = yes ]; then
    render "$SANDBOX_HOME/node/traefik.yaml" | publish "$NODE/etc/traefik.yaml"
    keep "${PROGRAM[traefik]}" "$NODE/bin/traefik"
  fi
  make_offline_files
  keep "${PROGRAM[kubernetes]}" "$DIR/bin/kubectl"
  for file in helm crane; do keep "${PROGRAM[$file]}" "$DIR/bin/$file"; done
  cat <<ENV | publish "$NODE/etc/node.env"
NODE=$NODE
DEBS=$DEBS
NODE_IMAGES=$NODE_IMAGES
NODE_NAME=$NODE_NAME
BRIDGE_IP=$BRIDGE_IP
POD_CIDR=$POD_CIDR
SERVICE_CIDR=$SERVICE_CIDR
REGISTRY=$REGISTRY
INGRESS=$INGRESS
OFFLINE=$OFFLINE
NODE_IP=$NODE_IP
OPERATOR_GATEWAY=$OPERATOR_GATEWAY
OPERATOR_IP=$OPERATOR_IP
ENV
}

keep() { # FROM TO
  [ "$1" -ef "$2" ] || {
    rm -f "$2.new"
    ln "$1" "$2.new" 2>/dev/null || cp "$1" "$2.new"
    mv -f "$2.new" "$2"
  }
}

# Folders that Kubernetes insists on. The node binds its own over them; those made here on the host are noted first,
# so that `down` can remove them.
make_host_folders() {
  local folder
  for folder in /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers; do
    [ ! -d "$folder" ] || continue
    mkdir -p "$TRACES"
    echo "$folder" >>"$TRACES/folders"
    mkdir -p "$folder"
  done
}

start_node() {
  local outer me
  make_host_folders
  make_cgroups
  # This process notes itself before it becomes the namespace, so that none is ever started that nobody knows of.
  (
    exec {LOCK_FD}>&- {MESSAGES}>&- # or the node would hold the lock, and the pipe that somebody reads us through
    me=$BASHPID
    enter_cgroups
    echo "$me $(proc_start "$me")" | publish "$STATE/node"
    exec setsid unshare -n -m -p --fork --mount-proc --propagation slave --kill-child \
      bash "$SANDBOX_HOME/lib/node-init" "$NODE/etc/node.env" >"$NODE/logs/init.log" 2>&1 </dev/null
  ) &
  outer=$!
  disown "$outer"
  until_true 10 "the node's namespaces" node_started || die "failed to start the node (see $NODE/logs/init.log)" "sandbox/down"
  make_link
}

node_started() {
  node_alive && [ "$(readlink "/proc/$NODE_PID/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# The pair lives as long as the node's network namespace.
make_link() {
  if link_ready; then return; fi
  ip link del "$LINK" 2>/dev/null || true
  if ! { ip link add "$LINK" type veth peer name eth0 netns "$NODE_PID" &&
    ip addr add "$HOST_IP/30" dev "$LINK" && ip link set "$LINK" up &&
    in_node ip addr add "$NODE_IP/30" dev eth0 && in_node ip link set eth0 up; }; then
    die "failed to make the link $LINK to the node" "sandbox/down && sandbox/up"
  fi
}

link_ready() {
  ip -4 addr show dev "$LINK" up 2>/dev/null | grep -q " $HOST_IP/30 " &&
    in_node ip -4 addr show dev eth0 up 2>/dev/null | grep -q " $NODE_IP/30 "
}

# Kills all of it and removes what it left outside of DIR. Also right for what a killed `up` left, and for nothing.
stop_node() {
  # The first process takes all the others with it, at once.
  if node_alive; then kill -KILL "$NODE_PID" 2>/dev/null || true; fi
  remove_cgroups
  ip link del "$LINK" 2>/dev/null || true
  rm -f "$STATE/node"
}

# Removes what was made outside of DIR, unless another sandbox still runs: removing a folder would take away the mount
# it has there, and unloading a module its filtering.
remove_host_traces() {
  local entry
  if grep -qs " /var/lib/kubelet " /proc/[0-9]*/mountinfo; then return; fi
  if [ -f "$TRACES/folders" ]; then
    while read -r entry; do rmdir "$entry" 2>/dev/null || true; done <"$TRACES/folders"
  fi
  if [ -f "$TRACES/modules" ]; then
    while read -r entry; do modprobe -r "$entry" 2>/dev/null || true; done < <(tac "$TRACES/modules")
  fi
  restore_controllers
  rm -rf "$TRACES"
}

# Sets what a running node was started with.
find_debs() {
  DEBS=$(sed -n 's/^DEBS=//p' "$NODE/etc/node.env")
  DEBS_BUSYBOX=$DEBS/bin/busybox
  [ -x "$DEBS_BUSYBOX" ] || DEBS_BUSYBOX=$DEBS/usr/bin/busybox
}

# What is asked of a node, cheapest first. Each prints nothing and is safe to call at any time.
api_ready() { [ "$(curl -s -m 2 --cacert "$NODE/pki/ca.crt" "https://$NODE_IP:6443/readyz")" = ok ]; }
registry_ready() { [ "$(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://$REGISTRY/v2/")" = 401 ]; }
kubectl() { "$NODE/bin/kubectl" --kubeconfig "$NODE/pki/host.kubeconfig" --request-timeout=10s "$@"; }
# The Node object outlives a dead kubelet; its lease tells whether this kubelet, since this start, is the one that says Ready.
kubelet_ready() {
  local renewed
  [ "$(in_node curl -s -m 2 http://127.0.0.1:10248/healthz)" = ok ] || return 1
  renewed=$(kubectl -n kube-node-lease get lease "$NODE_NAME" -o 'jsonpath={.spec.renewTime}') || return 1
  [ "$(date -d "$renewed" +%s)" -ge "$(stat -c %Y "$STATE/node")" ] || return 1
  [ "$(kubectl get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}
dns_ready() {
  in_node "$DEBS_BUSYBOX" timeout 2 "$DEBS_BUSYBOX" nslookup kubernetes.default.svc.cluster.local "$DNS_IP" 2>/dev/null | grep -q 10.96.0.1
}
storage_ready() {
  kubectl get storageclass local-path >/dev/null && in_node pgrep -x local-path-prov >/dev/null
}
# Its chain is the first of those that every packet to a pod goes through.
policies_ready() {
  in_node iptables -w 5 -S FORWARD | grep -q KUBE-ROUTER-FORWARD && in_node pgrep -x kube-router >/dev/null
}
node_healthy() {
  node_alive && link_ready && registry_ready && api_ready && kubelet_ready && dns_ready && storage_ready && policies_ready && ingress_as_chosen &&
    offline_as_chosen
}
