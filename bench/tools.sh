# shellcheck shell=bash
# The programs of others that bench/push, bench/bundle and tests/offline/real run. Sourced with ROOT (this tree) set.
# Debian's registry and containerd come from the sandbox's cache and are installed nowhere; crane is the sandbox's.

SANDBOX_HOME=$ROOT/sandbox
# shellcheck source-path=SCRIPTDIR/.. source=sandbox/lib/common.sh
. "$SANDBOX_HOME/lib/common.sh"
# shellcheck source-path=SCRIPTDIR/.. source=sandbox/lib/packages.sh
. "$SANDBOX_HOME/lib/packages.sh"
# shellcheck source-path=SCRIPTDIR/.. source=sandbox/lib/build.sh
. "$SANDBOX_HOME/lib/build.sh"
die() { # MESSAGE [NEXT COMMAND]
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  next: %s\n' "$2" >&2
  exit 2
}

# Sets TOOLS to a folder with docker-registry, containerd, ctr, crane and regctl, and sees that skopeo is installed.
offline_tools() { # FOLDER
  local name
  TOOLS=$1
  [ "$(id -u)" = 0 ] || die "namespaces, mounts and containerd are root's" "sudo $0"
  for name in skopeo curl strace unshare ip python3; do
    command -v "$name" >/dev/null || die "$name is not there" "apt-get install $name"
  done
  declare -gA PROGRAM
  node_packages
  while read -r name package flags; do
    if [ "$name" = crane ]; then break; fi
  done <<<"$PROGRAMS"
  [ -x "$(program_path "$name" "$package" "$flags")" ] || find_go
  build_program "$name" "$package" "$flags"
  mkdir -p "$TOOLS"
  for name in docker-registry containerd containerd-shim-runc-v2 ctr; do ln -sf "$DEBS/usr/bin/$name" "$TOOLS/$name"; done
  ln -sf "${PROGRAM[crane]}" "$TOOLS/crane"
  ln -sf "$(regctl_path)" "$TOOLS/regctl"
}

# Prints where regctl is, which bench/regctl pins, and builds it if it is not there.
regctl_path() {
  local key path tmp
  key=$(cat "$ROOT/bench/regctl/go.mod" "$ROOT/bench/regctl/go.sum" | sha256sum | cut -c1-16)
  path=$CACHE/bench/regctl-$key/regctl
  if [ ! -x "$path" ]; then
    find_go
    mkdir -p "$CACHE/bench"
    tmp=$(mktemp -d "$CACHE/bench/regctl.XXXXXX")
    heartbeat "building regctl" "$CACHE/logs/build-regctl.log" env -C "$ROOT/bench/regctl" HOME="${HOME:-/root}" CGO_ENABLED=0 \
      GOFLAGS='-trimpath -mod=readonly' GOTOOLCHAIN=local GOWORK=off "$GO" build -ldflags '-s -w' -o "$tmp/regctl" \
      github.com/regclient/regclient/cmd/regctl || die "failed to build regctl from bench/regctl" "go env GOPROXY"
    mkdir -p "$(dirname "$path")"
    mv "$tmp/regctl" "$path"
    rm -rf "$tmp"
  fi
  echo "$path"
}

# Prints the list of the platform's images: lines with an OCI layout and the image that it holds.
image_list() {
  local list
  list=$("$SANDBOX_HOME/images/build" | tail -n 1)
  [ -f "$list" ] || die "failed to build the platform's images (above)" "sandbox/images/build"
  echo "$list"
}

# Sets BINARY to a windlass of a release build, unless it is set.
windlass_binary() {
  if [ -z "$BINARY" ]; then
    say "building windlass"
    (cd "$ROOT" && cargo build --quiet --locked --release)
    BINARY=${CARGO_TARGET_DIR:-$ROOT/target}/release/windlass
  fi
}

# Runs a command in namespaces of its own: whatever it starts, mounts or opens ends with it.
alone() { # COMMAND...
  exec unshare --net --mount --pid --fork --kill-child --mount-proc -- "$@"
}
