#!/bin/bash
# The sandbox's own test: what it refuses, that the host never notices it, that it survives being killed at any step,
# and that nothing of it is left. Uses a second sandbox of its own, so that one that is up stays up. Root; about five
# minutes with a filled cache (WINDLASS_CACHE), which it shares.
# usage: tests/sandbox.sh [PATTERN]   runs only the tests whose name matches the pattern
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TMP=$(mktemp -d /var/tmp/windlass-test.XXXXXX)
NAME=wltest
export WINDLASS_SANDBOX_NAME=$NAME WINDLASS_SANDBOX_DIR=$TMP/sandbox WINDLASS_SANDBOX_SUBNET=10.98.77.0/30
export WINDLASS_CACHE=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/windlass}
D=$WINDLASS_SANDBOX_DIR
DOMAIN=sandbox.$NAME.test
PASSED=0 FAILED=0

cleanup() {
  sandbox/down >"$TMP/cleanup" 2>&1 || cat "$TMP/cleanup"
  rm -rf "$TMP" /run/windlass-sandbox-$NAME.lock
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Assertions: each counts once and says what it saw when it fails.
pass() {
  PASSED=$((PASSED + 1))
  printf '  ok      %s\n' "$1"
}
fail() { # WHAT SEEN
  FAILED=$((FAILED + 1))
  printf '  FAILED  %s\n' "$1"
  printf '          | %s\n' "${2//$'\n'/$'\n'          | }"
}
assert_equal() { # WHAT EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "$(diff <(echo "$2") <(echo "$3") | head -n 20)"; fi
}
assert_contains() { # WHAT NEEDLE TEXT
  if grep -qF -- "$2" <<<"$3"; then pass "$1"; else fail "$1 (no \"$2\" in:)" "$(tail -n 20 <<<"$3")"; fi
}
assert() { # WHAT COMMAND...
  local what=$1 out
  shift
  if out=$("$@" 2>&1); then pass "$what"; else fail "$what ($*)" "$out"; fi
}
refuses() { # WHAT MESSAGE COMMAND...
  local what=$1 message=$2 out rc=0
  shift 2
  out=$("$@" 2>&1 </dev/null) || rc=$?
  if [ $rc = 0 ]; then fail "$what: refused" "$out"; else assert_contains "$what" "$message" "$out"; fi
}
eventually() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

up() { sandbox/up --node-only; }
up_healthy() { # WHAT
  local out
  if out=$(up 2>&1); then pass "$1: up ends well"; else fail "$1: up ends well" "$(tail -n 20 <<<"$out")"; fi
  assert "$1: every part is healthy" sandbox/status
}
kubectl() { "$D/bin/kubectl" --kubeconfig "$D/kubeconfig" "$@"; }
node_pid() { pgrep -P "$(cut -d' ' -f1 "$D/state/node")"; }

# Starts an `up` in the background and kills it once it has said LINE. Sets UP_RC.
up_killed_at() { # LINE SIGNAL
  local pid
  local target
  : >"$TMP/killed"
  # A background job ignores SIGINT and shares our process group; a terminal's does neither.
  setsid env --default-signal=INT sandbox/up --node-only >"$TMP/killed" 2>&1 </dev/null &
  pid=$!
  target=$pid
  eventually 300 grep -q "] $1\$" "$TMP/killed" || true
  sleep 0.4
  if [ "$2" = INT ]; then target=-$pid; fi # Ctrl-C reaches the whole group
  kill "-$2" -- "$target" 2>/dev/null || fail "up was still at work at \"$1\"" "$(tail -n 5 "$TMP/killed")"
  UP_RC=0
  wait "$pid" 2>/dev/null || UP_RC=$?
}

# Everything on the host that the sandbox might have touched.
host_state() {
  echo "links" && ip -o link | sed 's/^[0-9]*: //; s/ state .*//; s/<.*> //'
  echo "addresses" && ip -o -4 addr | awk '{print $2, $4}'
  echo "routes" && ip route show table all | sort
  echo "mounts" && sort /proc/self/mounts
  echo "iptables" && { iptables-save 2>/dev/null | grep -v '^#' | sed 's/\[[0-9:]*\]//' || true; }
  echo "cgroups" && find /sys/fs/cgroup -type d -name "*$NAME*"
  echo "processes" && { pgrep -af -- "$D/" || true; }
  echo "namespaces" && namespaces
  echo "sysctls" && { sysctl -a 2>/dev/null | grep -E '^(net\.ipv4\.(ip_forward|conf\.(all|default)\.)|net\.bridge|vm\.(overcommit|panic)|kernel\.(panic|keys\.root))' | sort; }
  echo "folders" && { ls -d /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers /run/containerd /var/lib/windlass "$D" 2>/dev/null || true; }
}
# Processes of this sandbox in a network namespace that is not the host's: they are in its cgroups, or see its mounts.
namespaces() {
  local own
  own=$(readlink /proc/self/ns/net)
  find /proc -maxdepth 1 -name '[0-9]*' 2>/dev/null | while read -r process; do
    [ "$(readlink "$process/ns/net" 2>/dev/null || echo "$own")" != "$own" ] || continue
    if grep -qs -- "$NAME" "$process/cgroup" || grep -qsF -- "$D" "$process/mountinfo"; then
      echo "$process $(tr '\0' ' ' <"$process/cmdline")"
    fi
  done
}

test_refusals() {
  local script route subnet
  for script in up down status exec isolated egress; do assert_contains "$script --help" "usage: sandbox/$script" "$(sandbox/$script --help)"; done
  refuses "unknown argument" "unknown argument --nonsense" sandbox/up --nonsense
  for script in up down status "exec true" "isolated true" egress; do
    # shellcheck disable=SC2086  # a command and its argument
    refuses "$script without root" "needs root" setpriv --reuid 65534 --regid 65534 --clear-groups sandbox/$script
  done
  mkdir -p "$TMP/shim"
  printf '#!/bin/sh\necho Darwin\n' >"$TMP/shim/uname"
  chmod +x "$TMP/shim/uname"
  refuses "not Linux" "needs Linux, this is Darwin" env PATH="$TMP/shim:$PATH" sandbox/up
  rm "$TMP/shim/uname"
  printf 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n' >"$TMP/release"
  refuses "Debian 11" "supports Debian 12 and 13" env WINDLASS_OS_RELEASE="$TMP/release" sandbox/up
  printf 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04"\n' >"$TMP/release"
  refuses "Ubuntu" "Ubuntu 24.04" env WINDLASS_OS_RELEASE="$TMP/release" sandbox/up
  refuses "too little memory" "MiB of memory are free" env WINDLASS_SANDBOX_MIN_MEMORY=99999999 sandbox/up
  refuses "too little disk" "MiB of disk are free" env WINDLASS_SANDBOX_MIN_DISK=99999999 sandbox/up
  printf '#!/bin/sh\necho "modprobe: FATAL: Module ip_tables not found" >&2\nexit 3\n' >"$TMP/shim/iptables"
  chmod +x "$TMP/shim/iptables"
  refuses "no iptables in the kernel" "iptables nat (CONFIG_NF_NAT" env PATH="$TMP/shim:$PATH" sandbox/up
  refuses "subnet that is none" "is not a /30 network" env WINDLASS_SANDBOX_SUBNET=10.98.0.0/24 sandbox/up
  refuses "subnet that is not aligned" "is not a /30 network" env WINDLASS_SANDBOX_SUBNET=10.98.0.1/30 sandbox/up
  refuses "subnet inside the pods' range" "overlaps the cluster's own range" env WINDLASS_SANDBOX_SUBNET=10.244.0.8/30 sandbox/up
  route=$(ip -4 route show type unicast scope link | awk '$1 ~ /\/(8|16|20|24)$/ {split($1, a, "/"); print a[1]; exit}')
  if [ -n "$route" ]; then
    subnet=${route%.*}.8/30
    refuses "subnet that the host routes" "overlaps the sandbox's link $subnet" env WINDLASS_SANDBOX_SUBNET="$subnet" sandbox/up
  fi
  refuses "relative folder" "is not an absolute path" env WINDLASS_SANDBOX_DIR=here sandbox/up
  rm -rf "$D"
  mkdir "$D" && echo mine >"$D/precious"
  refuses "folder of somebody else" "is not empty and is no sandbox" sandbox/up
  sandbox/down >/dev/null 2>&1
  assert_equal "down leaves somebody else's folder alone" mine "$(cat "$D/precious")"
  rm -rf "$D"
  assert_contains "status without a sandbox" "no sandbox under $D" "$(sandbox/status || true)"
  refuses "exec without a sandbox" "the sandbox is not up" sandbox/exec true
  refuses "isolated without a sandbox" "there is no sandbox without a way out" sandbox/isolated true
}

test_life() {
  local before out pid password code
  iptables-save >/dev/null 2>&1 # the first call may load tables
  before=$(host_state)
  up_healthy "first start"

  # All that the host sees is one link, its address and route, and the node's processes in a cgroup of theirs.
  out=$(host_state | sed '/^processes$/,/^sysctls$/{/^sysctls$/!d}' | grep -v "$NAME-sbx\|sandbox/$NAME\|$NAME-sandbox")
  assert_equal "while it is up, the host has its own mounts, rules, routes and sysctls" \
    "$(sed '/^processes$/,/^sysctls$/{/^sysctls$/!d}; /^folders$/,$d' <<<"$before")" "$(sed '/^folders$/,$d' <<<"$out")"

  assert_equal "kubeconfig is private" 600 "$(stat -c %a "$D/kubeconfig")"
  assert_equal "registry login is private" 600 "$(stat -c %a "$D/registry-auth.json")"
  assert_equal "context" "$NAME-sandbox" "$(kubectl config current-context)"
  assert_contains "the API answers from the host" "v1.34.4" "$(kubectl get nodes 2>&1)"
  assert_equal "default storage class" local-path \
    "$(kubectl get storageclass -o 'jsonpath={.items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")].metadata.name}')"
  code=$(curl -s -o /dev/null -w '%{http_code}' http://10.98.77.2:5000/v2/)
  assert_equal "the registry refuses strangers" 401 "$code"
  password=$(sed -n 's/.*"password": "\([^"]*\)".*/\1/p' "$D/registry-auth.json")
  code=$(curl -s -o /dev/null -w '%{http_code}' -K - http://10.98.77.2:5000/v2/ <<<"user = \"windlass:$password\"")
  assert_equal "the registry takes the login" 200 "$code"
  assert_equal "no process shows the password" "" "$(grep -la "$password" /proc/[0-9]*/cmdline 2>/dev/null || true)"
  assert_contains "answers name the registry" 'registry: "10.98.77.2:5000"' "$(cat "$D/answers.yaml")"
  assert_contains "exec sees the cluster's names" 10.96.0.1 "$(sandbox/exec getent hosts kubernetes.default.svc.cluster.local)"
  assert_contains "exec has kubectl with the cluster" "$NAME-node" "$(sandbox/exec kubectl get nodes 2>&1)"
  assert_equal "exec passes the exit code on" 7 "$(rc=0; sandbox/exec sh -c 'exit 7' || rc=$?; echo $rc)"
  pod_with_volume

  pid=$(node_pid)
  out=$(up 2>&1)
  assert_contains "a second up says so" "the sandbox is up already" "$out"
  assert_equal "a second up leaves the node alone" "$pid" "$(node_pid)"

  kubectl create configmap kept --from-literal=key=value >/dev/null
  sandbox/exec pkill -KILL -x kubelet
  sandbox/exec pkill -KILL -x etcd
  sandbox/exec pkill -KILL -x traefik
  ip link del "$NAME-sbx"
  kubectl_in_node -n kube-system delete deployment coredns >/dev/null 2>&1 || true
  kubectl_in_node -n traefik delete tlsstore default >/dev/null 2>&1 || true
  up_healthy "daemons killed, link and DNS deleted"
  assert_equal "it was fixed, not replaced" "$pid" "$(node_pid)"

  kill -KILL "$pid"
  eventually 5 test ! -d "/proc/$pid" || true
  refuses "status of a killed node" "is not running, its data is there" run_status
  up_healthy "node killed"
  assert_equal "its data is there" value "$(kubectl get configmap kept -o 'jsonpath={.data.key}')"

  assert_contains "up --no-ingress says so" "ingress     off" "$(sandbox/up --node-only --no-ingress 2>&1)"
  up_healthy "a later up"
  assert_contains "it keeps the choice" "off " "$(sandbox/status | grep ^ingress)"
  assert_equal "its data is there" value "$(kubectl get configmap kept -o 'jsonpath={.data.key}')"
  assert_equal "no Traefik is left" "" "$(sandbox/exec pgrep -x traefik || true)"
  assert_equal "nor what it is asked by" "" "$(kubectl get ingressclasses,customresourcedefinitions -o name)"
  assert_equal "nor its files" "" "$(find "$D" -maxdepth 1 -name "ingress-*")"
  assert "nor its ports" no_answer http://10.98.77.2/
  assert_equal "nor its answers" "" "$(grep ingress "$D/answers.yaml" || true)"
  assert_contains "up --ingress brings it back" "https://*.$DOMAIN" "$(sandbox/up --node-only --ingress 2>&1)"
  assert "up --ingress: every part is healthy" sandbox/status

  assert "down" sandbox/down
  eventually 5 no_zombies || true
  assert_equal "down leaves the host as it was" "$before" "$(host_state)"
  assert "a second down" sandbox/down
}
run_status() { sandbox/status >&2; }
kubectl_in_node() { eventually 30 sandbox/exec kubectl "$@"; }
no_zombies() { ! grep -qs "^State:.Z" /proc/[0-9]*/status; }

# A pod as the platform's are: restricted, with a pull secret and a volume; its output read, a command run in it.
pod_with_volume() {
  local folder volume
  kubectl create namespace probe >/dev/null
  kubectl label namespace probe pod-security.kubernetes.io/enforce=restricted >/dev/null
  kubectl -n probe create secret generic registry --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson="$D/registry-auth.json" >/dev/null
  kubectl -n probe apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: probe}
spec:
  imagePullSecrets: [{name: registry}]
  securityContext: {runAsNonRoot: true, runAsUser: 1234, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: probe
    image: 10.98.77.2:5000/sandbox/busybox:1
    command: [sh, -c, "id -u > /data/uid; echo started; sleep 600"]
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
YAML
  assert "a restricted pod with volume and pull secret runs" kubectl -n probe wait pod/probe --for=condition=Ready --timeout=60s
  assert_equal "its log" started "$(kubectl -n probe logs probe)"
  assert_equal "a command in it sees its volume" 1234 "$(kubectl -n probe exec probe -- cat /data/uid)"
  for folder in "$D/node" "$D/node/volumes"; do assert_equal "$folder is root's alone" 700 "$(stat -c %a "$folder")"; done
  volume=$(find "$D/node/volumes" -name uid)
  assert_equal "the volume is on the machine" 1234 "$(cat "$volume")"
  refuses "no other user of the machine reads it" "Permission denied" setpriv --reuid 1234 --regid 1234 --clear-groups cat "$volume"
  policies_are_enforced
  ingress_answers
  # The sandbox goes with all that is in it anyway.
  kubectl delete namespace probe strange --wait=false >/dev/null || true
}

# A pod of another namespace is let in until a policy says otherwise; one of the same namespace still is then.
policies_are_enforced() {
  local address
  kubectl create namespace strange >/dev/null
  kubectl -n strange create secret generic registry --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson="$D/registry-auth.json" >/dev/null
  runs_pod probe server 'while :; do echo hello | nc -l -p 8080; done'
  runs_pod probe friend 'sleep 600'
  runs_pod strange stranger 'sleep 600'
  for pod in probe/server probe/friend strange/stranger; do
    kubectl -n "${pod%/*}" wait "pod/${pod#*/}" --for=condition=Ready --timeout=60s >/dev/null
  done
  address=$(kubectl -n probe get pod server -o 'jsonpath={.status.podIP}')
  assert "without a policy a stranger gets in" eventually 20 gets_in strange stranger "$address"
  kubectl -n probe apply -f - >/dev/null <<'YAML'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: own}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}
YAML
  assert "with one it is kept out" eventually 30 kept_out strange stranger "$address"
  assert "and a pod of the namespace is not" eventually 20 gets_in probe friend "$address"
  assert_contains "nor is a port-forward" hello "$(forwarded probe server)"
}

# From the host, as a browser does: by name, past the policy above, with and without TLS and login.
ingress_answers() {
  local annotation=traefik.ingress.kubernetes.io/router.middlewares=traefik-login@kubernetescrd
  runs_pod probe web "while :; do printf 'HTTP/1.0 200 OK\r\n\r\nhello' | nc -l -p 8080; done"
  kubectl -n probe label pod web app=web >/dev/null
  kubectl -n probe expose pod web --port 80 --target-port 8080 >/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/own.key" -out "$TMP/own.crt" -subj /CN=own -addext "subjectAltName=DNS:own.$DOMAIN" 2>/dev/null
  kubectl -n probe create secret tls own --cert="$TMP/own.crt" --key="$TMP/own.key" >/dev/null
  kubectl -n probe create ingress plain --rule="plain.$DOMAIN/*=web:80" >/dev/null
  kubectl -n probe create ingress own --class=traefik --rule="own.$DOMAIN/*=web:80,tls=own" --annotation="$annotation" >/dev/null
  printf 'user = "%s"\n' "$(cat "$D/ingress-login")" >"$TMP/login"
  kubectl -n probe wait pod/web --for=condition=Ready --timeout=60s >/dev/null
  assert "an Ingress without a class answers by HTTP" eventually 30 says_hello "http://plain.$DOMAIN/"
  assert "and by HTTPS, with the sandbox's certificate" eventually 10 says_hello "https://plain.$DOMAIN/" --cacert "$D/ingress-ca.crt"
  assert "an Ingress with a Secret answers with its certificate" eventually 10 says_hello "https://own.$DOMAIN/" --cacert "$TMP/own.crt" -K "$TMP/login"
  assert_equal "and not without the login" 401 "$(from_host "https://own.$DOMAIN/" --cacert "$TMP/own.crt" -o /dev/null -w '%{http_code}')"
  assert_equal "the login is private" 600 "$(stat -c %a "$D/ingress-login")"
  assert_equal "their status has the node's address" "10.98.77.2 10.98.77.2" \
    "$(kubectl -n probe get ingress -o 'jsonpath={.items[*].status.loadBalancer.ingress[0].ip}')"
  assert_contains "answers name the controller" "ingress_class: traefik" "$(cat "$D/answers.yaml")"
}
from_host() { # URL OPTION...
  local name=${1#*//}
  curl -s -m 5 --noproxy '*' --resolve "${name%/}:80:10.98.77.2" --resolve "${name%/}:443:10.98.77.2" "$@"
}
says_hello() { from_host "$@" | grep -q hello; }
no_answer() { ! curl -s -m 2 --noproxy '*' "$@"; }

runs_pod() { # NAMESPACE NAME COMMAND
  kubectl -n "$1" apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $2}
spec:
  imagePullSecrets: [{name: registry}]
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 1234, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: it
    image: 10.98.77.2:5000/sandbox/busybox:1
    command: [sh, -c, "$3"]
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
YAML
}
gets_in() { kubectl -n "$1" exec "$2" -- nc -w 2 "$3" 8080 </dev/null | grep -q hello; }
kept_out() { ! gets_in "$@"; }
forwarded() {
  local pid
  kubectl -n "$1" port-forward "pod/$2" 18080:8080 >/dev/null 2>&1 &
  pid=$!
  # The server takes one connection at a time, and is away for a moment after each.
  # shellcheck disable=SC2016 # the inner shells' own
  eventually 20 bash -c 'timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/18080 && head -n 1 <&3" | grep . >"$1"' _ "$TMP/forwarded" || true
  cat "$TMP/forwarded"
  kill "$pid" 2>/dev/null || true
}

test_killed() {
  local before line
  before=$(host_state)
  up_killed_at "API server" KILL
  assert "killed at its start: down" sandbox/down
  assert_equal "killed at its start: down leaves the host as it was" "$before" "$(host_state)"
  for line in "keys and certificates" "API server" "DNS and storage"; do
    up_killed_at "$line" KILL
    up_healthy "killed at \"$line\""
    sandbox/down 2>/dev/null
  done
  assert_equal "the host is as it was" "$before" "$(host_state)"
}

test_interrupted() {
  local before
  before=$(host_state)
  up_killed_at "API server" INT
  assert_equal "Ctrl-C: exit code" 130 "$UP_RC"
  assert_contains "Ctrl-C: says how to go on" "sandbox/up goes on from here" "$(cat "$TMP/killed")"
  assert "Ctrl-C: down" sandbox/down
  assert_equal "Ctrl-C: down leaves the host as it was" "$before" "$(host_state)"
}

test_two_at_once() {
  local first rc=0
  up >"$TMP/first" 2>&1 &
  first=$!
  sleep 0.5
  up >"$TMP/second" 2>&1 || rc=$?
  assert_equal "two at once: the second ends well" 0 $rc
  assert "two at once: the first ends well" wait $first
  assert_contains "two at once: one waits" "waiting for it" "$(cat "$TMP/first" "$TMP/second")"
  assert_contains "two at once: and finds it up" "up already" "$(cat "$TMP/first" "$TMP/second")"
  sandbox/down 2>/dev/null
}

# What a rehearsal of an install without internet stands on: nothing gets out, and nothing that tries is missed.
test_offline() {
  local before said
  before=$(host_state)
  assert "up --offline" sandbox/up --offline
  assert "up --offline: every part is healthy" sandbox/status
  assert_equal "the registry begins with the node's own images" "sandbox/busybox sandbox/coredns" "$(in_registry)"
  assert_equal "nothing wanted to leave" "0 packets that wanted to leave: 0" "$(egress)"
  assert_equal "what installs reaches the API" ok "$(sandbox/isolated curl -s -m 3 --cacert "$D/node/pki/ca.crt" https://10.98.77.2:6443/readyz)"
  assert_equal "and the registry" 401 "$(sandbox/isolated curl -s -m 3 -o "$TMP/answer" -w '%{http_code}' http://10.98.77.2:5000/v2/)"
  assert "and no host" no_host sandbox/isolated curl -s -m 2 http://10.98.77.1:81/
  assert "nor a name server" no_host sandbox/isolated getent hosts example.org
  assert "nor does the node" no_host sandbox/exec curl -s -m 2 http://192.0.2.1:82/
  assert "nor by the link to this machine" no_host sandbox/exec curl -s -m 2 http://10.98.77.1:83/
  assert_equal "isolated passes the exit code on" 7 "$(rc=0; sandbox/isolated sh -c 'exit 7' || rc=$?; echo $rc)"
  kubectl create namespace probe >/dev/null
  kubectl -n probe create secret generic registry --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson="$D/registry-auth.json" >/dev/null
  runs_pod probe leaver 'nc -w 2 192.0.2.7 84; nslookup example.org 192.0.2.54; touch /tmp/x; while :; do sleep 1; done'
  assert "a pod runs" kubectl -n probe wait pod/leaver --for=condition=Ready --timeout=60s
  assert "its packets are counted" eventually 30 left_for "192.0.2.54 udp 53 from pod probe/leaver"
  said=$(egress)
  for line in "10.98.77.1 tcp 81 from what installs" "192.0.2.53 udp 53 from what installs" "192.0.2.1 tcp 82 from the node itself" \
    "10.98.77.1 tcp 83 from the node itself" "192.0.2.7 tcp 84 from pod probe/leaver"; do
    assert_contains "counted: $line" "$line" "$said"
  done
  assert_equal "egress ends with 1 then" 1 "${said%% *}"
  assert_contains "status says so" "10.98.77.1 tcp 81 from what installs" "$(sandbox/status)"
  kubectl delete namespace probe >/dev/null
  assert_equal "the rules count from zero again" "0 packets that wanted to leave: 0" "$(sandbox/egress --reset >/dev/null && egress)"
  kubectl create configmap kept --from-literal=key=value >/dev/null
  assert_contains "a later up keeps the choice" "way out     none" "$(sandbox/up 2>/dev/null)"
  assert "up --online" sandbox/up --node-only --online
  assert "up --online: every part is healthy" sandbox/status
  assert_equal "its data is there" value "$(kubectl get configmap kept -o 'jsonpath={.data.key}')"
  assert_equal "nothing is counted" 3 "$(egress | cut -d' ' -f1)"
  echo "$D/layout apache/spark:3.5.6" >>"$D/state/images"
  refuses "up --offline with the platform's images" "holds the platform's images already" sandbox/up --offline
  assert "down" sandbox/down
  eventually 5 no_zombies || true
  assert_equal "down leaves the host as it was" "$before" "$(host_state)"
}
egress() { # EXIT-CODE OUTPUT
  local rc=0 said
  said=$(sandbox/egress) || rc=$?
  echo "$rc $said"
}
left_for() { grep -qF -- "$1" <<<"$(egress)"; }
no_host() { ! "$@"; }
in_registry() {
  sed -n 's/.*"password": "\([^"]*\)".*/user = "windlass:\1"/p' "$D/registry-auth.json" |
    curl -s -m 5 -K - http://10.98.77.2:5000/v2/_catalog | grep -o 'sandbox/[a-z]*\|[a-z]*/[a-z]*' | sort -u | paste -sd' '
}

test_killed_build() {
  local cache=$TMP/cache part pid rc=0
  mkdir "$cache"
  for part in debs node-images programs go; do
    [ ! -d "$WINDLASS_CACHE/$part" ] || cp -al "$WINDLASS_CACHE/$part" "$cache/" 2>/dev/null || cp -a "$WINDLASS_CACHE/$part" "$cache/"
  done
  rm -rf "$cache"/programs/crane-*
  WINDLASS_CACHE=$cache up >"$TMP/killed" 2>&1 </dev/null &
  pid=$!
  eventually 60 pgrep -f -- "-o $cache/programs/tmp" || true
  kill -KILL $pid "$(pgrep -P $pid -f sandbox/up)" 2>/dev/null || true
  wait $pid 2>/dev/null || rc=$?
  assert_equal "killed while building: was at work" 137 $rc
  assert "killed while building: the build ends too" eventually 10 no_build "$cache"
  assert_equal "killed while building: nothing unfinished has a name" "" "$(find "$cache/programs" -name "crane-*")"
  export WINDLASS_CACHE=$cache
  up_healthy "killed while building"
  assert_equal "killed while building: no leftovers in the cache" "" "$(find "$cache/programs" -name "tmp.*")"
  sandbox/down 2>/dev/null
}
no_build() { ! pgrep -f -- "-o $1/programs/tmp" >/dev/null; }

[ "$(id -u)" = 0 ] || {
  echo "tests/sandbox.sh needs root, as the sandbox does; next: sudo tests/sandbox.sh" >&2
  exit 1
}
for test in refusals life offline killed interrupted two_at_once killed_build; do
  [[ $test == *${1:-}* ]] || continue
  echo "$test"
  begun=$SECONDS
  "test_$test"
  echo "  ($((SECONDS - begun)) s)"
done
echo "$PASSED passed, $FAILED failed"
[ $FAILED = 0 ]
