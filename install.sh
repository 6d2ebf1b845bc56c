#!/bin/sh
# Installs the platform: finds or builds `windlass`, brings up the sandbox if asked, and hands over to windlass.
set -eu

usage() {
  cat <<'TEXT'
usage: ./install.sh [--sandbox] [COMMAND] [OPTION]...

Finds windlass (beside this script, else in target/release, else builds it with cargo) and runs COMMAND with the options
given; without one the guided install on screens (`windlass guide`) at a terminal, and `windlass install` elsewhere or
with options that only that has, such as --yes. With --sandbox it first brings up a throwaway one-node Kubernetes on this machine
(root, Debian 12 or 13) and installs into that.

  ./install.sh                               step by step, on screens
  ./install.sh --sandbox --yes               a platform to try, on this machine
  ./install.sh --answers site.yaml --yes     into the cluster of the current kubeconfig context
  ./install.sh install --help                all options

Exit code: windlass's (docs/exit-codes.md); 1 if windlass or the sandbox could not be made ready.
TEXT
}
say() { printf '%s\n' "$*" >&2; }
die() { # MESSAGE NEXT
  printf 'error: %s\n  next: %s\n' "$1" "$2" >&2
  exit 1
}
quoted() { # a word as a shell takes it back
  case $1 in
  *[!A-Za-z0-9_./=:,+@%-]* | '') printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
  *) printf '%s' "$1" ;;
  esac
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/windlass}
sandbox='' again=$(quoted "$0")
for word in "$@"; do
  if [ "$word" = --sandbox ]; then sandbox=--sandbox; fi
  again="$again $(quoted "$word")"
done
case "${1:-} ${2:-}" in
'-h '* | '--help '*) usage && exit 0 ;;
'--sandbox '[a-z]*) ;; # windlass takes it before a command too
-* | ' '*)
  # At a terminal on screens, unless something was said that only `install` takes.
  command=install
  if [ -t 0 ] && [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
    command=guide
    for word in "$@"; do
      case $word in
      -y | --yes | --json | --plain | --diff | --allow-downgrade | --waive* | --save-answers* | -h | --help)
        command=install ;;
      esac
    done
  fi
  set -- "$command" "$@"
  ;;
esac

# What is there, and what has to be made.
windlass=$here/target/release/windlass build='' cc=''
if [ -f "$here/windlass" ] && [ -x "$here/windlass" ]; then
  windlass=$here/windlass
elif [ ! -x "$windlass" ] || [ -n "$(cd "$here" && find src bundles build.rs Cargo.toml Cargo.lock -newer "$windlass" | head -n 1)" ]; then
  build=yes PATH=$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
  need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
  have=$(cargo --version 2>/dev/null | sed 's/^cargo \([0-9]*\.[0-9]*\).*/\1/')
  [ "$(printf '%s\n' "$need" "${have:-0.0}" | sort -t . -k 1,1n -k 2,2n | head -n 1)" = "$need" ] ||
    die "there is no windlass here, and building it takes cargo $need or newer (found: ${have:-none})" \
      "install Rust with rustup (https://rustup.rs), then $again; or put a windlass binary beside install.sh"
  # rustc links with cc, and a dependency (ring) compiles C.
  command -v cc >/dev/null || cc="gcc libc6-dev"
  if [ -n "$cc" ] && ! { [ -n "$sandbox" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }; then
    die "there is no C compiler (cc), which building windlass takes" "apt-get install $cc, then $again"
  fi
fi
if [ -n "$sandbox" ] && [ "$(id -u)" != 0 ]; then die "the sandbox needs root: it makes namespaces, mounts and cgroups" "sudo $again"; fi

if [ -n "$sandbox$build" ]; then say "before windlass can start:"; fi
if [ -n "$cc" ]; then say "  - installs $cc from Debian, to build with"; fi
if [ -n "$sandbox" ] && [ -n "$(find "$cache/images" -maxdepth 2 -name list 2>/dev/null)" ]; then
  say "  - brings up the sandbox, a one-node Kubernetes on this machine, from the cache $cache: about a minute"
elif [ -n "$sandbox" ]; then
  say "  - brings up the sandbox, a one-node Kubernetes on this machine: installs tools from Debian, builds Kubernetes and"
  say "    the platform's images from packages into $cache: about twenty-five minutes on 2 cores, once"
fi
if [ -n "$build" ]; then say "  - builds windlass with cargo into $here/target: about seven minutes on 2 cores, once"; fi

if [ -n "$cc" ]; then # shellcheck disable=SC2086 # a list of names
  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $cc) >&2 ||
    die "failed to install $cc from Debian (above)" "apt-get update && apt-get install $cc"
fi
if [ -n "$sandbox" ]; then "$here/sandbox/up" >&2 || exit $?; fi
if [ -n "$build" ]; then # in its folder, where cargo's settings are those of this tree, and for this machine
  (mkdir -p "${CARGO_TARGET_DIR:=$here/target}" "$here/target/release" && target=$(cd "$CARGO_TARGET_DIR" && pwd) && cd "$here" &&
    unset CARGO_BUILD_TARGET && cargo build --release --locked --bin windlass --target-dir "$target" >&2 &&
    { [ "$target" = "$here/target" ] || { cp "$target/release/windlass" "$windlass.$$" && mv "$windlass.$$" "$windlass"; }; }) ||
    die "failed to build windlass (above)" "mend what is said there, then $again"
fi

# From here on Ctrl-C is windlass's, which ends what is under way; its exit code is ours.
trap : INT TERM HUP
code=0
"$windlass" "$@" || code=$?
case $code:$* in
0:install* | 0:guide*) say "next: $(quoted "$windlass")${sandbox:+ $sandbox} status" ;;
0:* | 8:*) ;;
*) say "next: mend what is said above, then again: $again" ;;
esac
exit $code
