#!/bin/sh
# Installs the platform: finds or builds `windlass`, brings up the sandbox if asked, and hands over to windlass.
set -eu

usage() {
  cat <<'TEXT'
usage: ./install.sh [--sandbox] [--bundle FILE]... [COMMAND] [OPTION]...

Finds windlass (beside this script, else in target/release, else in the offline bundle, else builds it with cargo) and
runs COMMAND with the options given; without one the guided install on screens (`windlass guide`) at a terminal, and
`windlass install` elsewhere or with options that only that has, such as --yes. With --sandbox it first brings up a
throwaway one-node Kubernetes on this machine (root, Debian 12 or 13) and installs into that.

With --bundle it installs from an offline bundle: a file, one of its parts, folders with parts, or several of these with
colons between. A machine without cargo, Helm and internet needs nothing but this script and that file: where no windlass
is found, the one in the offline bundle is taken out into a temporary folder, checked against the lock there, and removed
at the end. Such a windlass can say nothing about who made the offline bundle. With --key, which has windlass check the
signature, put a windlass beside this script that came another way: from its release, checked with SHA256SUMS. All other
options go to windlass; a COMMAND that has no --bundle (status, ...) uses it to find windlass only.

With --sandbox and --bundle the install is rehearsed: the sandbox begins with an empty registry, every packet that wants
to leave the cluster and the installer is dropped and counted, and the count is printed at the end.

  ./install.sh                                          step by step, on screens
  ./install.sh --sandbox --yes                          a platform to try, on this machine
  ./install.sh --answers site.yaml --yes                into the cluster of the current kubeconfig context
  ./install.sh --bundle /mnt/platform.tar --registry harbor.site/mirror --yes
  ./install.sh --bundle /mnt/a:/mnt/b status            with the windlass of an offline bundle in parts
  ./install.sh --sandbox --bundle platform.tar --yes    an install without internet, rehearsed on this machine
  ./install.sh install --help                           all options

Exit code: windlass's (docs/exit-codes.md); 1 if windlass or the sandbox could not be made ready, or if a packet wanted
to leave in a rehearsal.
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
nl='
'
again=$(quoted "$0")
for word in "$@"; do again="$again $(quoted "$word")"; done

# Takes COMMAND, --sandbox and --bundle out of the words, and leaves the others as they are.
command='' sandbox='' bundles='' key='' first=yes count=$#
while [ "$count" -gt 0 ]; do
  word=$1 count=$((count - 1))
  shift
  case $first:$word in
  yes:-h | yes:--help) usage && exit 0 ;;
  yes:[a-z]*) command=$word first='' && continue ;;
  esac
  case $word in
  --bundle)
    if [ "$count" = 0 ] || [ -z "$1" ]; then
      printf 'error: --bundle takes the file of an offline bundle\n  next: ./install.sh --help\n' >&2
      exit 2
    fi
    bundles="$bundles$1$nl" count=$((count - 1))
    shift
    continue
    ;;
  --bundle=*) bundles="$bundles${word#*=}$nl" && continue ;;
  --sandbox) sandbox=--sandbox ;;
  --key | --key=*) key=yes first='' ;;
  *) first='' ;;
  esac
  set -- "$@" "$word"
done
if [ -z "$command" ]; then
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
fi
set -- "$command" "$@"
case $command in
install | plan | preflight | guide)
  rest=$bundles
  while [ -n "$rest" ]; do
    set -- "$@" --bundle "${rest%%"$nl"*}"
    rest=${rest#*"$nl"}
  done
  ;;
esac

# --- the windlass in an offline bundle ---
# It is an uncompressed tar (docs/offline.md): the lock first, the blobs last, in the order of their digests, and nothing
# behind them but the two empty blocks of its end. So the lock's list of blobs says where each one is, and nothing else is
# read: media are slow.

# The files in order, a line each: one file, or the parts that lie in the folders named.
bundle_files() (
  shown=$(printf '%s' "$bundles" | tr '\n' ' ' | sed 's/ $//')
  # Lines `NUMBER PATH`, 000 for a whole file; and `named NAME`: a part that is named says which of those in folders are meant.
  list=$(
    set -f
    IFS=$nl
    for given in $bundles; do
      IFS=:$nl
      [ ! -e "$given" ] || IFS=$nl
      for place in $given; do
        case $place in '') continue ;; esac
        folder=$(dirname -- "$place") only=$(lower "$place")
        case $only in *.tar.[0-9][0-9][0-9]) only=${only%.*} ;; esac
        if [ -d "$place" ]; then
          folder=$place only=''
        elif [ "$only" = "$(lower "$place")" ] && [ -f "$place" ]; then
          printf '000 %s/%s\n' "$(CDPATH='' cd -- "$folder" && pwd -P)" "${place##*/}"
          continue
        else
          printf 'named %s\n' "$only"
        fi
        # The same folder under two names would show each part twice.
        folder=$(CDPATH='' cd -- "$folder" 2>/dev/null && pwd -P) || continue
        set +f
        for file in "$folder"/*.[tT][aA][rR] "$folder"/*.[tT][aA][rR].[0-9][0-9][0-9]; do
          if [ ! -f "$file" ]; then continue; fi
          case $file in
          *.[0-9][0-9][0-9]) number=${file##*.} name=${file%.*} ;;
          *) number=000 name=$file ;;
          esac
          if [ -z "$only" ] || [ "$(lower "$name")" = "$only" ]; then printf '%s %s\n' "$number" "$file"; fi
        done
        set -f
      done
    done | sort -u
  )
  named=$(printf '%s\n' "$list" | sed -n 's/^named //p')
  base='' last=''
  set -f
  IFS=$nl
  for line in $list; do
    number=${line%% *} name=$(lower "${line#* }")
    if [ "$number" = named ]; then continue; fi
    if [ "$number" != 000 ]; then
      name=${name%.*}
      case $nl$named$nl in
      "$nl$nl" | *"$nl$name$nl"*) ;;
      *) continue ;;
      esac
    fi
    if [ "$last" = 000 ] || [ "${base:=$name}" != "$name" ]; then
      die "there are several offline bundles at $shown" "name the file of one of them"
    elif [ "$number" != 000 ] && [ "$number" = "$last" ]; then
      die "part $number of $base is there twice at $shown" "name each part's folder once"
    elif [ "$number" != 000 ] && [ "$number" != "$(after "$last")" ]; then
      die "part $(after "$last") of $base is missing at $shown" "name all folders, with colons between: --bundle /mnt/a:/mnt/b"
    fi
    last=$number
    printf '%s\n' "${line#* }"
  done
  if [ -z "$last" ]; then die "there is no offline bundle at $shown" "name its file, one of its parts, or the folders that they lie in"; fi
)
after() { # 008 -> 009; a leading zero would make it octal
  n=${1#0}
  printf '%03d\n' $((${n#0} + 1))
}
# The last part of a path, in lower case: some media know capitals only.
lower() { printf '%s\n' "${1##*/}" | tr '[:upper:]' '[:lower:]'; }
bytes_of() { stat -L -c %s -- "$1" 2>/dev/null || wc -c <"$1"; }

# read_at OFFSET BYTES: of $files as the one stream that they are slices of.
read_at() (
  at=$1 left=$2
  set -f
  IFS=$nl
  for file in $files; do
    size=$(bytes_of "$file")
    if [ "$at" -ge "$size" ]; then
      at=$((at - size))
      continue
    fi
    if [ "$left" = 0 ]; then break; fi
    n=$((size - at))
    if [ "$n" -gt "$left" ]; then n=$left; fi
    begin=$((at % 512))
    dd if="$file" bs=512 skip=$((at / 512)) count=$(((begin + n + 511) / 512)) 2>/dev/null | tail -c +$((begin + 1)) | head -c "$n" || exit 1
    left=$((left - n)) at=0
  done
)

# blob_at HEX: where its content begins, and its bytes, by the lock on stdin: from the end of the stream backwards.
blob_at() (
  total=0 behind=1024 size=''
  set -f
  IFS=$nl
  for file in $files; do total=$((total + $(bytes_of "$file"))); done
  IFS=' '
  seen=''
  while read -r hex bytes; do
    if [ "$hex" = "$1" ]; then seen=yes size=$bytes; fi
    if [ -n "$seen" ]; then behind=$((behind + 512 + (bytes + 511) / 512 * 512)); fi
  done
  [ -n "$size" ] && printf '%s %s\n' $((total - behind + 512)) "$size"
)

# Sets `windlass` to the one in the offline bundle, in a private folder that goes at the end.
take_from_bundle() {
  other="put a windlass beside install.sh (it is in the release, which has SHA256SUMS), then $again"
  if [ -n "$key" ]; then
    die "--key checks who made the offline bundle, and the only windlass here is the one in it, which proves nothing" "$other"
  fi
  case $(uname -m) in
  x86_64 | amd64) platform=linux/amd64 ;;
  aarch64 | arm64) platform=linux/arm64 ;;
  *) platform=linux/$(uname -m) ;;
  esac
  files=$(bundle_files) || exit 1
  first=${files%%"$nl"*}
  size=$(read_at 124 11 | tr -cd 0-7)
  if [ "$(read_at 0 12)" != images.lock ] || [ "${#size}" != 11 ]; then
    die "$first is no offline bundle: it does not begin with images.lock" "name a file that \`windlass bundle create\` made; $other"
  fi
  while [ "${size#0}" != "$size" ]; do size=${size#0}; done
  size=$(octal "$size")
  if [ "$size" -gt 67108864 ]; then die "the lock in $first is larger than 64 MiB" "$other"; fi
  # Signals end it by way of EXIT, so that nothing stays.
  trap 'rm -rf "${private:-}"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  umask_was=$(umask)
  umask 077
  for folder in "${TMPDIR:-/tmp}" "$here"; do
    if private=$(mktemp -d "$folder/.windlass.XXXXXX" 2>/dev/null); then take_into "$private" && break; fi
    rm -rf "$private"
    private=''
  done
  if [ -z "$private" ]; then
    die "failed to start windlass from a temporary folder in ${TMPDIR:-/tmp} or $here: they are not there, full, or mounted noexec" \
      "TMPDIR=<another folder> $again"
  fi
  umask "$umask_was"
  windlass=$private/windlass
  say "windlass is the one in $first"
}
take_into() { # FOLDER: fails where another folder may do
  read_at 512 "$size" 2>/dev/null | tr -d '\r' >"$1/lock" || return 1
  entry=$(sed -n '/^programs:/,/^[a-z]*:$/p' "$1/lock" | sed -n '/^  windlass:/,/^  [a-z]/p' |
    sed -n "\\|^      $platform:|,/^      [a-z]/p" | sed -n 's/^ *digest: sha256:\([0-9a-f]*\)$/\1/p')
  if [ "${#entry}" != 64 ]; then die "the offline bundle $first holds no windlass for $platform" "$other"; fi
  place=$(sed -n '/^  blobs:/,$ s/^    sha256:\([0-9a-f]*\): \([0-9]*\)$/\1 \2/p' "$1/lock" | blob_at "$entry") ||
    die "the lock in $first names a windlass that the offline bundle does not hold" "$other"
  read_at "${place% *}" "${place#* }" 2>/dev/null >"$1/windlass" || return 1
  found=$(sha256sum <"$1/windlass")
  if [ "${found%% *}" != "$entry" ]; then
    die "the windlass in $first is damaged: its sum is ${found%% *}, and the lock has $entry" \
      "copy the offline bundle again (sha256sum -c of its list of sums finds the bad part); or $other"
  fi
  rm "$1/lock"
  chmod 0700 "$1/windlass"
  "$1/windlass" --version >/dev/null 2>&1
}
octal() { # 1750 -> 1000; not every shell takes a leading zero for it
  digits=$1 number=0
  while [ -n "$digits" ]; do
    number=$((number * 8 + ${digits%"${digits#?}"}))
    digits=${digits#?}
  done
  printf '%s\n' "$number"
}

# What is there, and what has to be made.
windlass=$here/target/release/windlass build='' cc=''
if [ -f "$here/windlass" ] && [ -x "$here/windlass" ]; then
  windlass=$here/windlass
elif [ -x "$windlass" ] && [ -z "$(cd "$here" && find src bundles build.rs Cargo.toml Cargo.lock -newer "$windlass" | head -n 1)" ]; then
  :
elif [ -n "$bundles" ]; then
  take_from_bundle
else
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
if [ -n "$sandbox" ] && [ ! -e "$here/sandbox/up" ]; then
  die "there is no sandbox beside install.sh: it is part of windlass's repository" "clone the repository, then run its install.sh; or leave out --sandbox"
fi
if [ -n "$sandbox" ] && [ "$(id -u)" != 0 ]; then die "the sandbox needs root: it makes namespaces, mounts and cgroups" "sudo $again"; fi

if [ -n "$sandbox$build" ]; then say "before windlass can start:"; fi
if [ -n "$cc" ]; then say "  - installs $cc from Debian, to build with"; fi
if [ -n "$sandbox" ] && [ -n "$bundles" ]; then
  say "  - brings up the sandbox, a one-node Kubernetes on this machine, with an empty registry and no way out: about a minute;"
  say "    the first time it installs tools from Debian and builds Kubernetes into $cache: about fifteen minutes on 2 cores"
elif [ -n "$sandbox" ] && [ -n "$(find "$cache/images" -maxdepth 2 -name list 2>/dev/null)" ]; then
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
if [ -n "$sandbox" ]; then
  if [ -n "$bundles" ]; then way=--offline; else way=--online; fi
  "$here/sandbox/up" $way >&2 || exit $?
fi
if [ -n "$build" ]; then # in its folder, where cargo's settings are those of this tree, and for this machine
  (mkdir -p "${CARGO_TARGET_DIR:=$here/target}" "$here/target/release" && target=$(cd "$CARGO_TARGET_DIR" && pwd) && cd "$here" &&
    unset CARGO_BUILD_TARGET && cargo build --release --locked --bin windlass --target-dir "$target" >&2 &&
    { [ "$target" = "$here/target" ] || { cp "$target/release/windlass" "$windlass.$$" && mv "$windlass.$$" "$windlass"; }; }) ||
    die "failed to build windlass (above)" "fix what is said there, then $again"
fi

# From here on Ctrl-C is windlass's, which ends what is under way; its exit code is ours.
trap : INT TERM HUP
code=0 rehearsal=''
if [ -n "$sandbox" ] && [ -n "$bundles" ]; then rehearsal=$here/sandbox/isolated; fi
${rehearsal:+"$rehearsal"} "$windlass" "$@" || code=$?
if [ -n "$rehearsal" ]; then
  case $command in
  install | guide) "$here/sandbox/egress" >&2 || [ $code != 0 ] || code=1 ;;
  esac
fi
next=$(quoted "$windlass")${sandbox:+ $sandbox}
if [ -n "${private:-}" ]; then # it goes with this script
  next=$(quoted "$0")${sandbox:+ $sandbox} rest=$bundles
  while [ -n "$rest" ]; do
    next="$next --bundle $(quoted "${rest%%"$nl"*}")"
    rest=${rest#*"$nl"}
  done
fi
case $code:$command in
0:install | 0:guide) say "next: $next status" ;;
0:* | 8:*) ;;
*) say "next: fix what is said above, then again: $again" ;;
esac
exit $code
