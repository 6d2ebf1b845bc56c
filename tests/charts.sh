#!/usr/bin/env bash
# Lints the charts under bundles/ and checks what they render. Needs nothing but Helm, and for scripts python3: no cluster.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tests/charts.sh

Lints every chart under bundles/ and checks the manifests it renders: Pod Security, names, labels,
probes, schema. Helm is taken from WINDLASS_HELM, else from PATH. Ends with "N passed, N failed"
and with 1 if anything failed.
USAGE
}

case "${1:-}" in
  "") ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
helm=${WINDLASS_HELM:-$(command -v helm || true)}
if [ -z "$helm" ] || ! [ -x "$helm" ]; then
  echo "charts: found no helm; put it on PATH or name it in WINDLASS_HELM (sandbox/up builds one: /var/lib/windlass/sandbox/bin/helm)" >&2
  exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of the caller's Helm may change what is rendered.
for name in $(compgen -e | grep '^HELM_' || true); do unset "$name"; done
export HELM_CACHE_HOME=$work/cache HELM_CONFIG_HOME=$work/config HELM_DATA_HOME=$work/data

passed=0 failed=0
ok() { passed=$((passed + 1)); }
not_ok() {
  failed=$((failed + 1))
  echo "FAILED: $1" >&2
  if [ -n "${2:-}" ]; then printf '%s\n' "$2" | sed 's/^/    /' >&2; fi
}

# Charts are read from a copy of the catalog, where those that depend on a library beside them get it into their charts/:
# nothing is written into the tree.
bundles=$work/bundles
cp -r "$root/bundles" "$bundles"
for dir in "$bundles"/*/chart; do
  if ! grep -q 'file://' "$dir/Chart.yaml"; then continue; fi
  if ! out=$("$helm" dependency build "$dir" 2>&1); then not_ok "$(basename "$(dirname "$dir")"): its dependencies" "$out"; fi
done

chart_of() { echo "$bundles/$1/chart"; }

# render ID RELEASE NAMESPACE [helm's options] > manifests
render() {
  local id=$1 release=$2 namespace=$3
  shift 3
  "$helm" template "$release" "$(chart_of "$id")" --namespace "$namespace" "$@"
}

# problems NAMESPACE < manifests: what the chart `check` finds, without what it merely saw.
findings() {
  {
    printf 'namespace: "%s"\nmanifests:\n' "$1"
    awk '/^---/ {print "  -"; next} {print "    " $0}' <(echo ---; cat)
  } > "$work/manifests.yaml"
  "$helm" template check "$root/tests/charts/check" -f "$work/manifests.yaml"
}

# check NAME WANT ID RELEASE NAMESPACE [options]: renders, and wants exactly the problems of WANT,
# an extended regular expression that each line must match; empty for none.
check() {
  local name=$1 want=$2 out problems
  shift 2
  if ! out=$(render "$@" 2>&1); then not_ok "$name: does not render" "$out"; return; fi
  if ! out=$(printf '%s\n' "$out" | findings "$3" 2>&1); then not_ok "$name: not readable" "$out"; return; fi
  if ! grep -q '^# pod: ' <<< "$out"; then not_ok "$name: no pod was checked" "$out"; return; fi
  problems=$(grep '^# problem: ' <<< "$out" || true)
  if [ -n "$want" ]; then
    if ! grep -Eq "$want" <<< "$problems"; then not_ok "$name: expected a problem like $want" "$problems"; return; fi
    problems=$(grep -Ev "$want" <<< "$problems" || true)
  fi
  if [ -n "$problems" ]; then not_ok "$name" "$problems"; else ok; fi
}

# holds NAME REGEX ID RELEASE NAMESPACE [options]: some line of the manifests matches.
holds() {
  local name=$1 want=$2 out
  shift 2
  if ! out=$(render "$@" 2>&1); then not_ok "$name: does not render" "$out"; return; fi
  if grep -Eq -e "$want" <<< "$out"; then ok; else not_ok "$name: no line like $want"; fi
}

lacks() {
  local name=$1 want=$2 out
  shift 2
  if ! out=$(render "$@" 2>&1); then not_ok "$name: does not render" "$out"; return; fi
  if grep -Eq -e "$want" <<< "$out"; then not_ok "$name: has a line like $want" "$(grep -E -e "$want" <<< "$out" | head -3)"; else ok; fi
}

# refuses NAME REGEX ID RELEASE NAMESPACE [options]: does not render, and the error says why.
refuses() {
  local name=$1 want=$2 out
  shift 2
  if out=$(render "$@" 2>&1); then not_ok "$name: renders"; return; fi
  if grep -Eq -e "$want" <<< "$out"; then ok; else not_ok "$name: the error does not say $want" "$out"; fi
}

echo "charts: $("$helm" version --short 2> /dev/null || echo helm)"

# --- every chart, every example ---
# Charts of components that tests lay over the catalog are no house charts: they only have to be valid.
for dir in "$root"/tests/components/*/chart; do
  if out=$("$helm" lint --strict "$dir" -f "$dir/ci/default.yaml" 2>&1); then ok; else not_ok "$dir: lint" "$out"; fi
done
# Those that are as public charts are: a List has no name, which lint warns of.
for dir in "$root"/tests/public/*/chart; do
  if out=$("$helm" lint "$dir" -f "$dir/ci/default.yaml" 2>&1); then ok; else not_ok "$dir: lint" "$out"; fi
done

# Stands for the community's chart of Airflow.
if out=$("$helm" lint --strict "$root/tests/community-airflow" -f "$root/tests/community-airflow/ci/default.yaml" 2>&1); then ok; else not_ok "community-airflow: lint" "$out"; fi

# The library has no values of its own to be rendered with. What it offers is told in the heads of its files.
if out=$("$helm" lint --strict "$bundles/library" 2>&1); then ok; else not_ok "library: lint" "$out"; fi
for file in "$bundles"/library/templates/*; do
  head=$(sed '/\*\/}}/q' "$file")
  while read -r name; do
    if grep -q "^$name " <<< "$head"; then ok; else not_ok "library: the head of $(basename "$file") does not name $name"; fi
  done < <(sed -n 's/^{{- define "\(.*\)" -}}$/\1/p' "$file")
done

for dir in "$bundles"/*/chart; do
  id=$(basename "$(dirname "$dir")")
  for values in "$dir"/ci/*.yaml; do
    name="$id with $(basename "$values")"
    if out=$("$helm" lint --strict "$dir" -f "$values" 2>&1); then ok; else not_ok "$name: lint" "$out"; fi
    # A chart whose software can be elsewhere renders nothing then.
    if [ "$(basename "$values")" = nothing.yaml ]; then
      lacks "$name" '^kind:' "$id" "my-$id" some-namespace -f "$values"
      continue
    fi
    want=
    if [ "$name" = "hdfs with daemonset-fix-owner.yaml" ]; then want='container fix-path-owner: (adds capabilities|may run as root)$'; fi
    check "$name" "$want" "$id" "my-$id" some-namespace -f "$values"
    # 53 characters are the most that Helm takes.
    check "$name, longest names" "$want" "$id" a23456789-b23456789-c23456789-d23456789-e2-456789-abc "$(printf 'n%.0s' {1..63})" -f "$values"
    # Names that YAML takes for something else than text.
    check "$name, odd names" "$want" "$id" "on" 1234 -f "$values"
    # Two renderings are equal: an upgrade without changes is none.
    if [ "$(render "$id" r n -f "$values" | sha256sum)" = "$(render "$id" r n -f "$values" | sha256sum)" ]; then ok; else not_ok "$name: renders differently each time"; fi
  done
  one=$(find "$dir/ci" -name '*.yaml' | sort | head -1)
  # Where the values have several, the one that is called like the component.
  image=image
  if grep -q '^images:' "$dir/values.yaml"; then image=images.$id; fi
  refuses "$id: misspelt key below networkPolicy" "additional properties|Additional property" "$id" r n -f "$one" --set networkPolicy.enable=false
  refuses "$id: unknown key" "additional properties|Additional property" "$id" r n -f "$one" --set nosuchkey=1
  refuses "$id: misspelt key below image" "additional properties|Additional property" "$id" r n -f "$one" --set "$image.tagg=1"
  refuses "$id: wrong type" "networkPolicy.enabled|/networkPolicy/enabled|got string" "$id" r n -f "$one" --set-string networkPolicy.enabled=yes
  refuses "$id: a name no Service can have" "cannot be the name of a Service" "$id" 1abc n -f "$one"
  lacks "$id: no policies by order" "NetworkPolicy" "$id" r n -f "$one" --set networkPolicy.enabled=false
  holds "$id: who is named is let in" "cidr: 10.0.0.0/8" "$id" r n -f "$one" --set 'networkPolicy.allowFrom[0].ipBlock.cidr=10.0.0.0/8'
  # What speaks no HTTP has no Ingress.
  if grep -q '^ingress:' "$dir/values.yaml"; then
    refuses "$id: wrong type of ingress" "ingress.enabled|/ingress/enabled|got string" "$id" r n -f "$one" --set-string ingress.enabled=yes
    refuses "$id: ingress without host" "host|minLength" "$id" r n -f "$one" --set ingress.enabled=true,ingress.host=
    lacks "$id: no ingress controller is let in without an Ingress" "my-ingress" "$id" r n -f "$one" --set ingress.enabled=false,networkPolicy.ingressNamespace=my-ingress
    holds "$id: one is with an Ingress" "kubernetes.io/metadata.name: \"?my-ingress" "$id" r n -f "$one" --set ingress.enabled=true,ingress.host=x.example.com,networkPolicy.ingressNamespace=my-ingress
    holds "$id: ingress" "^kind: Ingress" "$id" r n -f "$one" --set ingress.enabled=true,ingress.host=x.example.com
    holds "$id: ingress class" "ingressClassName: \"nginx\"" "$id" r n -f "$one" --set ingress.enabled=true,ingress.host=x.example.com,ingress.className=nginx
    holds "$id: ingress TLS" "secretName: \"wild\"" "$id" r n -f "$one" --set ingress.enabled=true,ingress.host=x.example.com,ingress.tlsSecretName=wild
  fi
  holds "$id: digest" "image: .*@sha256:0{64}\"\$" "$id" r n -f "$one" --set "$image.digest=sha256:$(printf '0%.0s' {1..64})"
  refuses "$id: bad digest" "digest" "$id" r n -f "$one" --set "$image.digest=sha256:12"
  holds "$id: pull secret" "name: my-login" "$id" r n -f "$one" --set 'imagePullSecrets[0].name=my-login'
  if [ -s "$dir/templates/NOTES.txt" ]; then ok; else not_ok "$id: no NOTES.txt"; fi
done

# --- docs/rbac.yaml names what the charts make ---
for pair in hdfs:my-hdfs:apache-hdfs livy:my-livy:apache-livy spark-history-server:my-spark-history-server:apache-livy; do
  IFS=: read -r id release namespace <<< "$pair"
  for values in "$bundles/$id"/chart/ci/*.yaml; do
    while read -r name; do
      if grep -Eq "resourceNames: \[([^]]*, )?$name(, [^]]*)?\]" "$root/docs/rbac.yaml"; then ok; else not_ok "docs/rbac.yaml does not name $name of $id"; fi
    done < <(render "$id" "$release" "$namespace" -f "$values" --set ingress.enabled=true,ingress.host=x.example.com |
      awk '/^[a-z]/ {meta = ($1 == "metadata:")} meta && /^  name: / {gsub(/"/, "", $2); print $2}' | sort -u)
  done
done

# --- the check itself: a manifest that was spoilt is not let through ---
spoilt() {
  local name=$1 want=$2 edit=$3
  if render hdfs r n -f "$bundles/hdfs/chart/ci/statefulset.yaml" | sed "$edit" | findings n | grep -Eq "^# problem: .*$want"; then ok; else not_ok "the check misses: $name"; fi
}
spoilt "capabilities" "keeps capabilities" 's/drop: \[ALL\]/drop: []/'
spoilt "root" "may run as root" 's/runAsNonRoot: true/runAsNonRoot: false/'
spoilt "seccomp" "no seccomp profile" 's/type: RuntimeDefault/type: Unconfined/'
spoilt "root file system" "can be written" 's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/'
spoilt "token" "token that it does not need" 's/automountServiceAccountToken: false/automountServiceAccountToken: true/'
spoilt "hook" "Helm hook" 's#^  labels:#  annotations: {helm.sh/hook: pre-install}\n  labels:#'
spoilt "long name" "more than 52" "s/^  name: r-namenode$/  name: $(printf 'x%.0s' {1..60})/"
spoilt "budget of one" "single replica" 's/replicas: 3/replicas: 1/'
spoilt "no policy" "StatefulSet/r-namenode: no network policy closes its pods" 's/policyTypes: \[Ingress\]/policyTypes: [Egress]/'
spoilt "open policy" "lets everybody in" 's/^  - from:$/  - to:/'
spoilt "selector" "its selector fits 0" 's/^    app.kubernetes.io\/component: datanode/    app.kubernetes.io\/component: dtanode/'

# --- HDFS ---
h=("$bundles/hdfs/chart/ci")
holds "hdfs: full name of the NameNode" 'hdfs://my-hdfs-namenode-0\.my-hdfs-namenode\.apache-hdfs\.svc\.k8s\.example\.com:8020<' hdfs my-hdfs apache-hdfs --set clusterDomain=k8s.example.com
holds "hdfs: long name is cut to 43" 'hdfs://a{43}-namenode-0\.a{43}-namenode\.' hdfs "$(printf 'a%.0s' {1..53})" n
holds "hdfs: 1Gi of heap" '-Xmx1024m ' hdfs r n --set namenode.memory=1Gi
holds "hdfs: 1G of heap" '-Xmx953m ' hdfs r n --set namenode.memory=1G
holds "hdfs: 1.5Gi of heap" '-Xmx1536m ' hdfs r n --set namenode.memory=1.5Gi
refuses "hdfs: too little heap" "too little for a JVM" hdfs r n --set namenode.memory=1M
refuses "hdfs: heap without sense" "memory" hdfs r n --set namenode.memory=much
refuses "hdfs: more copies than DataNodes" "replication 3 needs at least 3 DataNodes" hdfs r n --set replication=3
holds "hdfs: more copies on a DaemonSet" "^kind: DaemonSet" hdfs r n --set replication=3,datanode.kind=daemonset
lacks "hdfs: no budget for one DataNode" "^kind: PodDisruptionBudget" hdfs r n
holds "hdfs: a budget for three" "^kind: PodDisruptionBudget" hdfs r n -f "${h[0]}/statefulset.yaml"
holds "hdfs: a few DataNodes are not waited for long" "safemode\.extension</name><value>3000<" hdfs r n
lacks "hdfs: many are" "safemode\.extension" hdfs r n -f "${h[0]}/daemonset.yaml"
holds "hdfs: a DataNode starts when it is registered" "registered\.sh" hdfs r n
lacks "hdfs: no budget for a DaemonSet" "^kind: PodDisruptionBudget" hdfs r n -f "${h[0]}/daemonset.yaml"
holds "hdfs: label that excludes a node" "key: hdfs-datanode-exclude" hdfs r n -f "${h[0]}/daemonset.yaml"
holds "hdfs: folder of the node" 'path: "/srv/hdfs-data"' hdfs r n -f "${h[0]}/daemonset.yaml"
lacks "hdfs: no root container unasked" "runAsUser: 0$" hdfs r n -f "${h[0]}/daemonset.yaml"
lacks "hdfs: no hostPath on a StatefulSet" "hostPath:" hdfs r n -f "${h[0]}/statefulset.yaml"
holds "hdfs: StorageClass" "storageClassName: \"fast\"" hdfs r n -f "${h[0]}/statefulset.yaml"
lacks "hdfs: default StorageClass" "storageClassName" hdfs r n
holds "hdfs: uid of seven digits and more" "runAsUser: 1000680000$" hdfs r n --set user.uid=1000680000
holds "hdfs: extra property" "<name>dfs.blocksize</name><value>268435456</value>" hdfs r n -f "${h[0]}/daemonset.yaml"
holds "hdfs: XML is escaped" "<value>a&amp;b&lt;c</value>" hdfs r n --set-string 'coreSite.x=a&b<c'
lacks "hdfs: never formats by force" "[-]force" hdfs r n
lacks "hdfs: never deletes" '\brm\b|rmdir|--delete|-delete' hdfs r n -f "${h[0]}/daemonset-fix-owner.yaml"

ha=$bundles/hdfs/chart/ci/ha.yaml
lacks "hdfs: one NameNode has neither JournalNodes nor a ZooKeeper" "name: (r-journal|r-zk|zkfc)$|dfs\.nameservices" hdfs r n
lacks "hdfs: no budget for one NameNode" "^kind: PodDisruptionBudget" hdfs r n
holds "hdfs: high availability has a name" "<name>fs.defaultFS</name><value>hdfs://lake</value>" hdfs r n -f "$ha"
holds "hdfs: two NameNodes" "<name>dfs.ha.namenodes.lake</name><value>nn0,nn1</value>" hdfs r n -f "$ha"
holds "hdfs: their edits are with three JournalNodes" "qjournal://r-journal-0\.r-journal\.n\.svc\.k8s\.example\.com:8485;r-journal-1\.[^;]*;r-journal-2\.[^;]*:8485/lake<" hdfs r n -f "$ha"
holds "hdfs: a ZooKeeper of three" "server\.3=r-zk-2\.r-zk\.n\.svc\.k8s\.example\.com:2888:3888;2181" hdfs r n -f "$ha"
holds "hdfs: its log is on its volume" "dataLogDir=/data/log" hdfs r n -f "$ha"
lacks "hdfs: none where there is one" "name: r-zk$|zoo\.cfg" hdfs r n -f "$bundles/hdfs/chart/ci/ha-quorum.yaml"
holds "hdfs: which is named" "<name>ha.zookeeper.quorum</name><value>zk-0\.example\.com:2181," hdfs r n -f "$bundles/hdfs/chart/ci/ha-quorum.yaml"
for of in "" "-f $ha"; do
  # shellcheck disable=SC2086 # words
  if [ "$(render hdfs r n $of | grep -cE 'command: \[bash, /scripts/namenode\.sh\]|key: "namenode\.sh"')" = 2 ]; then ok; else not_ok "hdfs: a NameNode begins by another script ($of)"; fi
done
holds "hdfs: file systems share a ZooKeeper" "<value>/hadoop-ha/n/r</value>" hdfs r n -f "$ha"
lacks "hdfs: high availability never formats by force" "[-]force" hdfs r n -f "$ha"
refuses "hdfs: a quorum without ports" "quorum" hdfs r n --set mode=ha,zookeeper.quorum=zk-0
refuses "hdfs: a mode that is none" "mode" hdfs r n --set mode=both
count=$(render hdfs r n -f "$ha" | grep -c "^kind: PodDisruptionBudget")
if [ "$count" = 4 ]; then ok; else not_ok "hdfs: $count budgets in high availability, not 4"; fi
count=$(render hdfs "$(printf 'a%.0s' {1..53})" n -f "$ha" | awk '/^kind: /{kind = $2} kind == "StatefulSet" && /^  name: /{print length($2) + 11}' | sort -n | tail -n 1)
if [ "$count" -le 63 ]; then ok; else not_ok "hdfs: the name of a StatefulSet makes a label of $count characters"; fi

# The two scripts run as they are, with a stand-in for hdfs and paths of our own.
script() { render hdfs r n --set datanode.kind=daemonset | awk -v key="  $1: |" '$0 == key {on = 1; next} on && (/^  [^ ]/ || /^---/) {on = 0} on {sub(/^    /, ""); print}'; }
mkdir "$work/bin" "$work/data"
cat > "$work/bin/hdfs" <<'STUB'
#!/bin/sh
# hdfs namenode -D dfs.namenode.name.dir=file://DIR -format -nonInteractive
dir=${3#*file://}
[ -e "$dir" ] && exit 1
mkdir -p "$dir/current" && echo formatted-once >> "$FORMATS"
[ -n "${DIE:-}" ] && exit 1
echo 1 > "$dir/current/fsimage_0000000000000000000.md5"
STUB
chmod +x "$work/bin/hdfs"
script common.sh > "$work/common.sh"
script format.sh > "$work/format.sh"
format() { FORMATS=$work/formats PATH=$work/bin:$PATH SCRIPTS=$work DATA=$work/data "$@" bash "$work/format.sh" > "$work/out" 2>&1; }
if [ "$(wc -l < "$work/format.sh")" -gt 10 ]; then ok; else not_ok "format.sh: not found in the ConfigMap"; fi
if ! DIE=1 format env; then ok; else not_ok "format.sh: a format that fails is no failure" "$(cat "$work/out")"; fi
if ! [ -e "$work/data/name" ]; then ok; else not_ok "format.sh: a format that failed left $work/data/name"; fi
if format env && [ -e "$work/data/name/current/fsimage_0000000000000000000.md5" ]; then ok; else not_ok "format.sh: does not format after a failed try" "$(cat "$work/out")"; fi
before=$(wc -l < "$work/formats")
if format env && [ "$(wc -l < "$work/formats")" = "$before" ]; then ok; else not_ok "format.sh: formats twice" "$(cat "$work/out")"; fi
rm "$work/data/name/current/fsimage_0000000000000000000.md5"; touch "$work/data/name/current/edits"
if ! format env && grep -q 'not formatting' "$work/out" && [ -e "$work/data/name/current/edits" ]; then ok; else not_ok "format.sh: touches metadata it does not know" "$(cat "$work/out")"; fi
mkdir "$work/node"
script check-path.sh | sed "s#/data/data#$work/node/data#g; s#/data\\b#$work/node#g; s#\\[ -w #[ -n \"\${WRITABLE:-}\" -a -w #g" > "$work/check-path.sh"
if WRITABLE=1 HOST_PATH=/hdfs-data NODE_NAME=n1 bash "$work/check-path.sh" > "$work/out" 2>&1; then ok; else not_ok "check-path.sh: refuses a folder that can be written" "$(cat "$work/out")"; fi
if ! HOST_PATH=/hdfs-data NODE_NAME=n1 bash "$work/check-path.sh" > "$work/out" 2>&1 && grep -Eq 'on node n1 .*run: chown [0-9]+:[0-9]+ /hdfs-data' "$work/out"; then ok; else not_ok "check-path.sh: does not say which command helps" "$(cat "$work/out")"; fi

# --- Livy ---
l=("$bundles/livy/chart/ci")
refuses "livy: no image" "bundles/livy/image" livy r n --set hdfs.defaultFs=hdfs://nn:8020
refuses "livy: no HDFS" "hdfs.defaultFs is needed" livy r n --set image.repository=a,image.tag=b
holds "livy: recovery on 0.9" "livy.server.recovery.mode = recovery" livy r n -f "${l[0]}/full.yaml"
lacks "livy: no recovery on 0.7" "livy.server.recovery|PersistentVolumeClaim" livy r n -f "${l[0]}/no-recovery.yaml"
holds "livy: recovery by order" "livy.server.recovery.mode = recovery" livy r n -f "${l[0]}/no-recovery.yaml" --set recovery=on
lacks "livy: no recovery by order" "livy.server.recovery" livy r n -f "${l[0]}/full.yaml" --set recovery=off
holds "livy: its token stays out of the log" 'log4j.logger.org.apache.livy.utils.SparkKubernetesApp\$=WARN' livy r n -f "${l[0]}/full.yaml"
holds "livy: one server at a time" "type: Recreate" livy r n -f "${l[0]}/full.yaml"
holds "livy: memory of a driver" "spark.driver.memory 1024m" livy r n -f "${l[0]}/full.yaml"
holds "livy: memory of an executor" "spark.executor.memory 1907m" livy r n -f "${l[0]}/full.yaml"
refuses "livy: too little for Spark" "too little for Spark" livy r n -f "${l[0]}/full.yaml" --set spark.driver.memory=256Mi
holds "livy: 250m are one core" "spark.driver.cores 1$" livy r n -f "${l[0]}/full.yaml"
holds "livy: 1.5 are two cores" "spark.executor.cores 2$" livy r n -f "${l[0]}/full.yaml"
holds "livy: pull secrets of Spark" "spark.kubernetes.container.image.pullSecrets windlass-registry,other" livy r n -f "${l[0]}/full.yaml"
holds "livy: a property of the user wins" "spark.eventLog.enabled false" livy r n -f "${l[0]}/full.yaml"
lacks "livy: and stands once" "spark.eventLog.enabled true" livy r n -f "${l[0]}/full.yaml"
holds "livy: upload path" "spark.kubernetes.file.upload.path hdfs://nn:8020/tmp/livy" livy r n -f "${l[0]}/full.yaml"
holds "livy: event logs" "spark.eventLog.dir hdfs://nn:8020/shared/spark-logs" livy r n -f "${l[0]}/full.yaml"
holds "livy: shared libraries" "SPARK_DIST_CLASSPATH" livy r n -f "${l[0]}/full.yaml"
lacks "livy: no shared libraries unasked" "SPARK_DIST_CLASSPATH|shared-libraries" livy r n -f "${l[0]}/no-recovery.yaml"
refuses "livy: no quote in the libraries' address" "sharedLibraries" livy r n -f "${l[0]}/full.yaml" --set "spark.sharedLibraries=hdfs://nn/a'b"
lacks "livy: no wildcard in roles" "verbs: .*['\"]\*|resources: .*['\"]\*|resources: .*secrets" livy r n -f "${l[0]}/full.yaml"
if [ "$(render livy r one -f "${l[0]}/full.yaml" | grep -A2 '^kind: ClusterRole$' | grep name:)" != "$(render livy r two -f "${l[0]}/full.yaml" | grep -A2 '^kind: ClusterRole$' | grep name:)" ]; then ok; else not_ok "livy: two namespaces share a ClusterRole"; fi

# --- history server ---
s=("$bundles/spark-history-server/chart/ci")
refuses "history server: no HDFS" "hdfs.defaultFs is needed" spark-history-server r n
holds "history server: log folder" "spark.history.fs.logDirectory hdfs://nn:8020/shared/spark-logs" spark-history-server r n -f "${s[0]}/full.yaml"
holds "history server: port 80" "port: 80, targetPort: 18080" spark-history-server r n -f "${s[0]}/full.yaml"

# --- Bytewax ---
b=$(chart_of bytewax)/ci
refuses "bytewax: no code" "files.configMap is needed" bytewax r n
refuses "bytewax: a variable of the chart's own" "env: BYTEWAX_REPLICAS is set by the chart" bytewax r n -f "$b/default.yaml" --set env.BYTEWAX_REPLICAS=5
refuses "bytewax: a name that no variable has" "a-b" bytewax r n -f "$b/default.yaml" --set env.a-b=5
refuses "bytewax: an Ingress to nothing" "set api.enabled too" bytewax r n -f "$b/full.yaml" --set api.enabled=false
holds "bytewax: pods start together" "podManagementPolicy: Parallel" bytewax r n -f "$b/default.yaml"
holds "bytewax: other code, other pods" 'checksum/files: "other"' bytewax r n -f "$b/default.yaml" --set files.digest=other
holds "bytewax: the entry as a file" 'name: BYTEWAX_PYTHON_FILE_PATH, value: "/var/bytewax/shop/orders.py:build"' bytewax r n -f "$b/full.yaml"
holds "bytewax: and as a module" 'name: BYTEWAX_IMPORT_STR, value: "shop.orders:build"' bytewax r n -f "$b/full.yaml"
holds "bytewax: a module" 'name: BYTEWAX_IMPORT_STR, value: "shop.orders:flow"' bytewax r n -f "$b/job.yaml"
lacks "bytewax: is no file" "name: BYTEWAX_PYTHON_FILE_PATH" bytewax r n -f "$b/job.yaml"
lacks "bytewax: logs of its libraries are quiet" "RUST_LOG" bytewax r n -f "$b/default.yaml"
lacks "bytewax: no volume unasked" "PersistentVolumeClaim|podAffinity" bytewax r n -f "$b/default.yaml"
holds "bytewax: on a volume of one node the processes stay together" "topologyKey: kubernetes.io/hostname" bytewax r n -f "$b/job.yaml"
lacks "bytewax: on one of many they need not" "podAffinity" bytewax r n -f "$b/full.yaml"
job() { render bytewax "${release:-r}" n -f "$b/job.yaml" "$@" | awk '/^kind: Job/ {on = 1} on && /^  name:/ {gsub(/"/, "", $2); print $2; exit}'; }
if [ "$(job)" = "$(job --set networkPolicy.enabled=false)" ]; then ok; else not_ok "bytewax: a Job runs again for what it is not"; fi
for change in files.digest=x processes=4 entry=a.py job.run=again env.A=b image.tag=x; do
  if [ "$(job)" != "$(job --set "$change")" ]; then ok; else not_ok "bytewax: a Job does not run again with $change"; fi
done
if [ "$(release=$(printf 'a%.0s' {1..53}) job | tr -d '\n' | wc -c)" = 52 ]; then ok; else not_ok "bytewax: the name of a Job leaves no room for its pods"; fi

# --- PostgreSQL ---
p=$(chart_of postgresql)/ci
refuses "postgresql: no Secret" "secretName" postgresql r n
refuses "postgresql: a name that needs quotes" "user" postgresql r n -f "$p/default.yaml" --set user=a-b
holds "postgresql: a new password ends the sessions of the old one" 'checksum/password: "other"' postgresql r n -f "$p/default.yaml" --set password.version=other
holds "postgresql: connections" '"max_connections=200"' postgresql r n -f "$p/full.yaml"
holds "postgresql: PGDATA is below the mount" 'PGDATA, value: /var/lib/postgresql/data/' postgresql r n -f "$p/default.yaml"
holds "postgresql: ready by TCP" 'pg_isready.*-h.*127.0.0.1' postgresql r n -f "$p/default.yaml"
holds "postgresql: its namespace is let in" 'kubernetes.io/metadata.name: some-namespace' postgresql r some-namespace -f "$p/default.yaml"
lacks "postgresql: no password in the environment" 'secretKeyRef' postgresql r n -f "$p/default.yaml"

# What prepares the volume runs as it is, with stand-ins for PostgreSQL.
mkdir "$work/pg" "$work/pgbin"
cat > "$work/pgbin/postgres" <<'STUB'
#!/bin/sh
if [ "$1" = --version ]; then echo "postgres (PostgreSQL) ${MAJOR:-15}.14 (Debian 15.14-0+deb12u1)"; exit; fi
cat >> "$STATEMENTS"
STUB
cat > "$work/pgbin/initdb" <<'STUB'
#!/bin/sh
mkdir "$2" && echo made >> "$MADE"
[ -n "${DIE:-}" ] && exit 1
echo 15 > "$2/PG_VERSION"
STUB
chmod +x "$work"/pgbin/*
prepare() {
  env PATH="$work/pgbin:$PATH" MADE="$work/made" STATEMENTS="$work/statements" PGDATA="$work/pg/pgdata" POSTGRES_USER=app POSTGRES_DB=shop \
    POSTGRES_PASSWORD_FILE=/dev/null CLAIM=n/data-r-0 IMAGE=r/postgres:15 "$@" sh "$p/../scripts/prepare.sh" > "$work/out" 2>&1
}
if ! prepare DIE=1 && ! [ -e "$work/pg/pgdata" ]; then ok; else not_ok "prepare.sh: a cluster that was not made whole counts" "$(cat "$work/out")"; fi
if prepare && [ -s "$work/pg/pgdata/PG_VERSION" ]; then ok; else not_ok "prepare.sh: makes no cluster after a failed try" "$(cat "$work/out")"; fi
if grep -qx 'CREATE DATABASE "shop"' "$work/statements" && grep -qx 'host all all all scram-sha-256' "$work/pg/pgdata/pg_hba.conf"; then ok; else not_ok "prepare.sh: the database, or its rule of login, is missing" "$(cat "$work/out")"; fi
before=$(wc -l < "$work/made")
chmod 0770 "$work/pg/pgdata"
if prepare && [ "$(wc -l < "$work/made")" = "$before" ] && [ "$(stat -c %a "$work/pg/pgdata")" = 700 ]; then ok; else not_ok "prepare.sh: makes a cluster twice, or leaves its folder open" "$(cat "$work/out")"; fi
if ! prepare MAJOR=16 && grep -q 'holds data of PostgreSQL 15, and the image r/postgres:15 is PostgreSQL 16' "$work/out"; then ok; else not_ok "prepare.sh: starts on data of another major version" "$(cat "$work/out")"; fi
rm "$work/pg/pgdata/PG_VERSION"
if ! prepare && grep -q 'has no PG_VERSION' "$work/out" && [ -e "$work/pg/pgdata/pg_hba.conf" ]; then ok; else not_ok "prepare.sh: touches a folder that it does not know" "$(cat "$work/out")"; fi

# The scripts of its actions, with a psql that fails as the real one did. Each finding names what to change.
cat > "$work/pgbin/psql" <<'STUB'
#!/bin/sh
sql=$(cat)
[ "${KNOWN:-}" = "$PGPASSWORD" ] && exit
case $sql in *"${WHERE:-SELECT 1}"*) [ -z "${SAY:-}" ] || { echo "$SAY" >&2; exit 2; } ;; esac
case $sql in
  *server_encoding*server_version*) echo "${ENCODING:-UTF8}|15.14" ;;
  *server_encoding*) echo "${ENCODING:-UTF8}" ;;
  *pg_stat_activity*) echo "${FREE:-97|max_connections there}" ;;
  *server_version*) echo 15.14 ;;
  *current_schema*) echo public ;;
esac
STUB
chmod +x "$work/pgbin/psql"
mkdir "$work/tmp"
# sql SCRIPT VARIABLE=VALUE…: its words are in `out`.
sql() {
  local script=$1
  shift
  env PATH="$work/pgbin:$PATH" TMPDIR="$work/tmp" PATIENCE=0 NAME=postgresql PGHOST=db PGPORT=5432 PGUSER=app PGDATABASE=shop PGSSLMODE=require \
    CONNECTIONS=50 PGPASSWORD=x POD_NAMESPACE=n OWN=yes SECRET=r-password POD=r-0 "$@" sh "$(chart_of postgresql)/../check/$script" > "$work/out" 2>&1
}
finds() { # SCRIPT WANT VARIABLE=VALUE…
  local script=$1 want=$2
  shift 2
  if ! sql "$script" "$@" && grep -q -e "$want" "$work/out" && [ "$(wc -l < "$work/out")" = 1 ]; then ok; else not_ok "$script: does not say $want" "$(cat "$work/out")"; fi
}
failed() { echo "SAY=psql: error: connection to server at \"db\" (10.0.0.1), port 5432 failed: $1"; }
if sql external.sh && grep -qx 'checked: PostgreSQL 15.14 at db:5432, database shop, UTF8, 97 connections free' "$work/out"; then ok; else not_ok "external.sh: refuses a good server" "$(cat "$work/out")"; fi
finds external.sh 'refuses user app with the password of postgresql.password' "$(failed 'FATAL:  password authentication failed for user "app"')"
finds external.sh 'CREATE DATABASE "shop" OWNER "app"' "$(failed 'FATAL:  database "shop" does not exist')"
finds external.sh 'speaks no TLS.*postgresql.tls=disable' "$(failed 'server does not support SSL, but SSL was required')"
finds external.sh 'not signed by the authority in postgresql.ca' "$(failed 'SSL error: certificate verify failed')"
finds external.sh 'for another name.*postgresql.tls=verify-ca' "$(failed 'server certificate for "a" does not match host name "db"')"
finds external.sh 'postgresql.tls=require' "$(failed 'FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "app", database "shop", no encryption')"
finds external.sh 'add a line to its pg_hba.conf' "$(failed 'FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "app", database "shop", SSL encryption')"
finds external.sh 'nothing listens there.*postgresql.port' "$(failed 'Connection refused')"
finds external.sh 'resolves to nothing' 'SAY=psql: error: could not translate host name "db" to address: Name or service not known'
finds external.sh 'has no connection left' "$(failed 'FATAL:  sorry, too many clients already')"
finds external.sh 'is in LATIN1, and texts need UTF8' ENCODING=LATIN1
finds external.sh 'GRANT USAGE, CREATE ON SCHEMA "public" TO "app"' WHERE='CREATE TABLE' 'SAY=ERROR:  permission denied for schema public'
finds external.sh 'name the primary in postgresql.host' WHERE='CREATE TABLE' 'SAY=ERROR:  cannot execute CREATE TABLE in a read-only transaction'
finds external.sh 'has 49 connections left for app, and 50 will be opened.*raise max_connections there' 'FREE=49|max_connections there'
if sql login.sh; then ok; else not_ok "login.sh: refuses a good login" "$(cat "$work/out")"; fi
finds login.sh 'Secret n/r-password holds.*kubectl -n n exec r-0 -c postgresql -- sh /scripts/take-password.sh' "$(failed 'FATAL:  password authentication failed for user "app"')"
finds login.sh 'put the right password where postgresql.password says' OWN= "$(failed 'FATAL:  password authentication failed for user "app"')"
if sql rotate.sh OLD=a NEW=b && grep -qx 'it counts already' "$work/out"; then ok; else not_ok "rotate.sh: changes what is changed" "$(cat "$work/out")"; fi
finds rotate.sh 'with the old password and with the new one' OLD=a NEW=b "$(failed 'FATAL:  password authentication failed for user "app"')"

# --- Redis ---
r=$(chart_of redis)/ci
refuses "redis: no Secret" "secretName" redis r n
lacks "redis: no password in its arguments" 'requirepass' redis r n -f "$r/default.yaml"
holds "redis: leaves room in its memory" '"--maxmemory", *"768mb"|--maxmemory, "768mb"' redis r n -f "$r/full.yaml"
holds "redis: another Secret, another pod" 'checksum/connection: "other"' redis r n -f "$r/default.yaml" --set connection.version=other

# A redis-cli that says what the real one said.
cat > "$work/pgbin/redis-cli" <<'STUB'
#!/bin/sh
if [ -z "${REDISCLI_AUTH:-}" ]; then echo "${OPEN:-NOAUTH Authentication required.}"; exit; fi
case "$*" in *ping) echo "${SAY:-PONG}" ;; *EX*) echo "${SET:-OK}" ;; *info*) printf 'redis_version:7.2.0\r\n' ;; esac
STUB
chmod +x "$work/pgbin/redis-cli"
redis() { # WANT VARIABLE=VALUE…
  local want=$1
  shift
  env PATH="$work/pgbin:$PATH" TMPDIR="$work/tmp" PATIENCE=0 NAME=redis HOST=r PORT=6379 DATABASE=0 TLS=disable OWN=yes SECRET=r-connection DEPLOYMENT=r POD_NAMESPACE=n \
    REDISCLI_AUTH=x "$@" sh "$(chart_of redis)/../check/login.sh" > "$work/out" 2>&1 || true
  if grep -q -e "$want" "$work/out" && [ "$(wc -l < "$work/out")" = 1 ]; then ok; else not_ok "redis: login.sh does not say $want" "$(cat "$work/out")"; fi
}
redis '^logged in: Redis 7.2.0 at r:6379$'
redis 'answers without a password' OPEN=PONG
redis 'rollout restart deployment/r' 'SAY=WRONGPASS invalid username-password pair or user is disabled.'
redis 'refuses the password of redis.password' OWN= 'SAY=WRONGPASS invalid username-password pair or user is disabled.'
redis 'name the primary' OWN= 'SET=READONLY You can'"'"'t write against a read only replica.'
redis 'nothing listens there' OWN= 'SAY=Could not connect to Redis at r:6379: Connection refused'
redis 'is not signed by the authority in redis.ca' OWN= TLS=verify CA=x 'SAY=Could not connect to Redis at r:6379: SSL_connect failed: certificate verify failed'

# --- Datagram ---
d=$(chart_of datagram)/ci
refuses "datagram: no database" "secretName" datagram r n
holds "datagram: port 80" "port: 80, targetPort: 8089" datagram r n -f "$d/default.yaml"
holds "datagram: heap" 'name: MEM_MAX, value: "2048m"' datagram r n -f "$d/full.yaml"
holds "datagram: numbers stay as they are" 'name: SERVER_CONNECTION_TIMEOUT, value: "1800000"' datagram r n -f "$d/full.yaml"
holds "datagram: another database, another pod" 'checksum/database: "other"' datagram r n -f "$d/default.yaml" --set database.version=other
if [ "$(render datagram r n -f "$d/default.yaml" | grep -c 'storage: "8Gi"')" = 2 ]; then ok; else not_ok "datagram: the two volumes of 8Gi are not there"; fi
# --- Airflow ---
a=$(chart_of airflow)/ci
refuses "airflow: no database" "database.secret.name is needed" airflow r n --set keys.secret.name=k
refuses "airflow: no keys" "keys.secret.name is needed" airflow r n --set database.secret.name=d
refuses "airflow: Celery without a broker" "broker.secret.name is needed" airflow r n -f "$a/default.yaml" --set executor=CeleryExecutor
refuses "airflow: an ssh key without known_hosts" "knownHosts is needed" airflow r n -f "$a/kubernetes.yaml" --set dags.git.knownHosts.name=
refuses "airflow: a login in the repository's URL" "url" airflow r n -f "$a/default.yaml" --set dags.git.url=https://u:p@git.example.com/x
refuses "airflow: a folder above the repository" "folder" airflow r n -f "$a/full.yaml" --set dags.git.folder=../x
refuses "airflow: a path that is none" "path" airflow r n -f "$a/default.yaml" --set ingress.path=airflow
refuses "airflow: version 4" "airflowVersion" airflow r n -f "$a/default.yaml" --set airflowVersion=4.0.0
for values in "$a"/*.yaml; do
  lacks "airflow: no token unless it makes pods" "$([ "$values" = "$a/kubernetes.yaml" ] && echo no-such-line || echo 'automountServiceAccountToken: true|serviceAccountName|^kind: Role')" airflow r n -f "$values"
  lacks "airflow: secrets by reference only" "name: .*(SQL_ALCHEMY_CONN|FERNET_KEY|SECRET_KEY|BROKER_URL|JWT_SECRET|ADMIN_PASSWORD).*value:" airflow r n -f "$values"
done
if [ "$(render airflow r n -f "$a/kubernetes.yaml" | grep -c 'automountServiceAccountToken: true')" = 1 ]; then ok; else not_ok "airflow: only the scheduler has a token, and only with KubernetesExecutor"; fi
lacks "airflow: workers with Celery only" "name: r-worker" airflow r n -f "$a/default.yaml"
holds "airflow: workers" "^  name: r-worker" airflow r n -f "$a/full.yaml"
holds "airflow: the path is in the probes" 'path: "/airflow/health"' airflow r n -f "$a/full.yaml"
holds "airflow: and in the Ingress" "path: /airflow$" airflow r n -f "$a/full.yaml"
holds "airflow: and in the address" 'BASE_URL", value: "http://x.example.com/airflow"' airflow r n -f "$a/full.yaml"
holds "airflow: without a path" 'path: "/health"' airflow r n -f "$a/default.yaml"
holds "airflow: folder of the DAGs" 'DAGS_FOLDER", value: "/opt/airflow/dags/repo/sources/WorkflowDeployment"' airflow r n -f "$a/full.yaml"
holds "airflow: a setting of the user wins" 'AIRFLOW__CORE__PARALLELISM", value: "5"' airflow r n -f "$a/full.yaml"
lacks "airflow: and stands once" 'AIRFLOW__CORE__PARALLELISM", value: "8"' airflow r n -f "$a/full.yaml"
lacks "airflow: no git unasked" "GITSYNC" airflow r n -f "$a/default.yaml"
holds "airflow: 3 has an API server" "api-server" airflow r n -f "$a/three.yaml"
holds "airflow: and a DAG processor" "^  name: r-dag-processor" airflow r n -f "$a/three.yaml"
holds "airflow: and logins" "FabAuthManager" airflow r n -f "$a/three.yaml"
lacks "airflow: 2 has neither" "api-server|dag-processor|JWT|FabAuthManager" airflow r n -f "$a/full.yaml"
jobs() { render airflow "${release:-r}" n -f "$a/full.yaml" "$@" | awk '/^kind: Job/ {on = 1} on && /^  name:/ {gsub(/"/, "", $2); print $2; on = 0}'; }
if [ "$(jobs)" = "$(jobs --set parallelism=3,worker.replicas=5,broker.secret.version=x)" ]; then ok; else not_ok "airflow: Jobs run again for what they are not"; fi
for change in images.airflow.tag=x database.secret.version=x keys.secret.version=x; do
  if [ "$(jobs | head -1)" != "$(jobs --set "$change" | head -1)" ]; then ok; else not_ok "airflow: no migration with $change"; fi
done
if [ "$(jobs | head -1)" = "$(jobs --set admin.secret.version=x | head -1)" ] && [ "$(jobs | tail -1)" != "$(jobs --set admin.secret.version=x | tail -1)" ]; then ok; else not_ok "airflow: another password of the admin is one Job"; fi
if [ "$(release=$(printf 'a%.0s' {1..53}) jobs | head -1 | tr -d '\n' | wc -c)" -le 63 ]; then ok; else not_ok "airflow: names of Jobs fit a label"; fi

# The scripts of the chart, and what the example DAG does, are Python's: they run as they are, without Airflow.
if command -v python3 > /dev/null; then
  for tests in tests/airflow examples/airflow; do
    if out=$(PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -s "$root/$tests" 2>&1); then ok; else not_ok "$tests" "$out"; fi
  done
else
  echo "charts: no python3 here, so tests/airflow and examples/airflow were not run" >&2
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
