# shellcheck shell=bash
# What makes the bare node a cluster to install into: images in the registry, DNS, storage, the files for the user.

# Sets IMAGES to a file with a line "<OCI layout> <repository:tag>" for every image that belongs into the registry.
list_images() {
  local list='' rc=0
  IMAGES=$STATE/images
  mkdir -p "$STATE"
  if [ "$NODE_ONLY" = no ]; then
    # Its progress goes to our stderr, its last line of stdout is the list. In the background, so that a signal is
    # heard while it works.
    setpriv --pdeathsig TERM "$SANDBOX_HOME/images/build" >"$STATE/images.out" {LOCK_FD}>&- &
    wait $! || rc=$?
    list=$(tail -n 1 "$STATE/images.out")
    if [ "$rc" != 0 ] || [ ! -f "$list" ]; then
      die "failed to build the platform's images (sandbox/images/build, above)" "sandbox/up"
    fi
  fi
  {
    echo "$NODE_IMAGES/coredns sandbox/coredns:$COREDNS_TAG"
    echo "$NODE_IMAGES/busybox sandbox/busybox:1"
    if [ -n "$list" ]; then cat "$list"; fi
  } | publish "$IMAGES"
}

layout_digest() { grep -o '"digest": *"sha256:[0-9a-f]*"' "$1/index.json" | head -n 1 | grep -o 'sha256:[0-9a-f]*'; }

images_key() {
  local layout name
  while read -r layout name; do echo "$name $(layout_digest "$layout")"; done <"$IMAGES" | sha256sum | cut -c1-16
}

# A new registry starts from the storage folder of an earlier one that held the same images, when the cache has it.
# Blobs are hard links: the registry writes them once, elsewhere, and renames them. The rest is tiny and copied.
seed_registry() {
  local seed tmp
  seed=$CACHE/registry/$(images_key)
  # A rehearsal's registry begins empty, whatever was kept under that name.
  if [ "$OFFLINE" = yes ] || [ -d "$NODE/registry/docker" ] || [ ! -d "$seed" ]; then return 0; fi
  touch "$seed" # the newest few are kept
  tmp=$NODE/registry.seed
  rm -rf "$tmp"
  copy_registry "$seed" "$tmp" || return 0
  rm -rf "$NODE/registry"
  mv "$tmp" "$NODE/registry"
}

save_registry() {
  local seed tmp
  seed=$CACHE/registry/$(images_key)
  [ "$OFFLINE" = no ] && [ ! -d "$seed" ] || return 0
  mkdir -p "$CACHE/registry"
  # shellcheck disable=SC2012  # names of ours: hexadecimal keys
  ls -t "$CACHE/registry" | tail -n +3 | while read -r tmp; do rm -rf "$CACHE/registry/$tmp"; done
  rm -rf "$CACHE"/registry/tmp.*
  tmp=$(mktemp -d "$CACHE/registry/tmp.XXXXXX")
  if ! { copy_registry "$NODE/registry" "$tmp/it" && mv "$tmp/it" "$seed"; }; then
    warn "failed to keep the registry's content in $seed: the next start pushes again"
  fi
  rm -rf "$tmp"
}

copy_registry() { # FROM TO
  local v2=docker/registry/v2
  mkdir -p "$2/$v2"
  cp -a "$1/$v2/repositories" "$2/$v2/" &&
    { cp -al "$1/$v2/blobs" "$2/$v2/" 2>/dev/null || { rm -rf "$2/$v2/blobs" && cp -a "$1/$v2/blobs" "$2/$v2/"; }; }
}

# Pushes what the registry does not have by digest, two at a time.
push_images() {
  local layout name pids=() pid failed=0
  while read -r layout name; do
    push_image "$layout" "$name" &
    pids+=($!)
    if [ ${#pids[@]} -ge 2 ]; then
      wait "${pids[0]}" || failed=1
      pids=("${pids[@]:1}")
    fi
  done <"$IMAGES"
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  [ $failed = 0 ] || die "failed to push the images to $REGISTRY (above)" "sandbox/up"
  save_registry
}

push_image() { # LAYOUT NAME
  local begun want have
  begun=$(now_ms)
  want=$(layout_digest "$1")
  have=$(crane digest "$REGISTRY/$2" 2>/dev/null || true)
  [ "$have" != "$want" ] || return 0
  crane push "$1" "$REGISTRY/$2" >"$NODE/logs/push-${2//[\/:]/-}.log" 2>&1 </dev/null || {
    sed 's/^/  | /' "$NODE/logs/push-${2//[\/:]/-}.log" >&2
    return 1
  }
  # A tag that now means another image must not run from what the node pulled before. What was never pulled is no error.
  in_node "$DEBS/usr/bin/ctr" --address /run/containerd/containerd.sock -n k8s.io images rm "$REGISTRY/$2" >/dev/null 2>&1 || true
  say "  pushed $2 in $(seconds_since "$begun") s"
}

crane() {
  mkdir -p "$NODE/etc/docker"
  cp -u "$NODE/pki/registry-auth.json" "$NODE/etc/docker/config.json"
  DOCKER_CONFIG=$NODE/etc/docker setpriv --pdeathsig TERM "$DIR/bin/crane" "$@"
}

apply_addons() {
  local namespace
  until_true 30 "the API to serve default namespaces" kubectl get namespace kube-system ||
    die "the API server answers but has no kube-system namespace" "sandbox/status"
  {
    render "$SANDBOX_HOME/addons/storage.yaml"
    echo ---
    render "$SANDBOX_HOME/addons/coredns.yaml"
    for namespace in kube-system local-path-storage; do
      printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: registry, namespace: %s}\ntype: kubernetes.io/dockerconfigjson\ndata: {.dockerconfigjson: %s}\n' \
        "$namespace" "$(base64 -w0 <"$NODE/pki/registry-auth.json")"
    done
  } | kubectl apply -f - >"$NODE/logs/apply.log" 2>&1 || {
    sed 's/^/  | /' "$NODE/logs/apply.log" >&2
    die "failed to apply DNS and storage" "sandbox/status"
  }
  apply_ingress
}

# The files for the user and for `windlass --sandbox`.
write_files() {
  publish "$DIR/registry-auth.json" 0600 <"$NODE/pki/registry-auth.json"
  write_answers | publish "$DIR/answers.yaml"
  if [ "$INGRESS" = yes ]; then
    publish "$DIR/ingress-ca.crt" <"$NODE/ingress/ca.crt"
    publish "$DIR/ingress-login" 0600 <"$NODE/ingress/login"
  else
    rm -f "$DIR"/ingress-{ca.crt,login}
  fi
  publish "$DIR/kubeconfig" 0600 <"$NODE/pki/host.kubeconfig"
}

# Sizes for 2 cores and 4 GiB, where everything has to run at once.
write_answers() {
  local livy outside
  outside=$(ingress_answers)
  livy=$(sed -n 's/.* \(windlass\/livy:.*\)$/\1/p' "$IMAGES" | head -n 1)
  cat <<YAML
# Written by sandbox/up, read by windlass --sandbox.
platform:
  registry: "$REGISTRY"
  pull_secret: {file: "$DIR/registry-auth.json"}
  registry_plain_http: true
  storage_class: local-path
${outside:+$outside
}hdfs:
  replication: 1
  namenode_memory: 256Mi
  namenode_storage: 1Gi
  datanode_memory: 256Mi
  datanode_storage: 10Gi
livy:
${livy:+  image: "$REGISTRY/${livy%:*}"
  image_tag: "${livy##*:}"
}  memory: 384Mi
  storage: 1Gi
  driver_memory: 512Mi
  driver_cores: 250m
  executor_memory: 512Mi
  executor_cores: 250m
  executor_instances: 1
spark-history-server:
  memory: 384Mi
airflow:
  executor: LocalExecutor
  parallelism: 4
  webserver_memory: 512Mi
  scheduler_memory: 768Mi
  triggerer_memory: 320Mi
  logs_storage: 1Gi
  dags_period: 5
  verify_dag: livy_pi
datagram:
  cpu: 100m
  memory: 256Mi
  mspace_storage: 1Gi
  gitflow_storage: 1Gi
  maven_storage: 1Gi
YAML
}

# HDFS and Livy ask for no login, so the controller does. It is in the node's network, which every policy lets in; its
# namespace is named so that policies name one that is there.
ingress_answers() {
  [ "$INGRESS" = yes ] || return 0
  cat <<YAML
  external_domain: $INGRESS_DOMAIN
  ingress_enabled: true
  ingress_class: traefik
  ingress_namespace: traefik
  ingress_middleware: traefik-login@kubernetescrd
YAML
}
