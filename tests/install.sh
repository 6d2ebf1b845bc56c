#!/usr/bin/env bash
# Tests install.sh against stand-ins for windlass, cargo, apt-get and the sandbox: no cluster, no build, no root.
# shellcheck disable=SC2016 # what is in single quotes is for the stand-ins' own shell
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tests/install.sh

Tests what install.sh finds, builds, says and passes on. Ends with "N passed, N failed" and with 1 if anything failed.
USAGE
}

case "${1:-}" in
  "") ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
busybox=$(command -v busybox || find "${WINDLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass}/debs" -path '*/bin/busybox' -type f 2>/dev/null | head -n 1)
unset CARGO_TARGET_DIR CARGO_HOME WINDLASS_CACHE XDG_CACHE_HOME TMPDIR
export HOME=$work/home
passed=0 failed=0

is() { # WHAT WANT GOT
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); return; fi
  failed=$((failed + 1))
  printf 'FAILED: %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3" >&2
}
has() { # WHAT TEXT GOT
  if [[ $3 == *"$2"* ]]; then passed=$((passed + 1)); return; fi
  failed=$((failed + 1))
  printf 'FAILED: %s\n  wanted somewhere: %s\n  got: %s\n' "$1" "$2" "$3" >&2
}

# Programs that install.sh may use; PATH holds nothing else, so that a cc or cargo of this machine does not count.
bin=$work/bin
fresh() { # a clean tree in a folder whose name needs quoting
  rm -rf "$work/a b" "$bin" "$HOME"
  tree="$work/a b/it's windlass"
  mkdir -p "$tree/sandbox" "$tree/src" "$tree/bundles" "$bin" "$HOME"
  cp "$root/install.sh" "$tree/"
  cp "$root/Cargo.toml" "$tree/" && touch "$tree/Cargo.lock" "$tree/build.rs" "$tree/src/main.rs"
  local program
  for program in cat chmod cp cut dd dirname env find head mkdir mktemp mv printf rm sed sh sha256sum sort sleep stat tail touch tr; do ln -s "$(command -v "$program")" "$bin/$program"; done
  put "$bin/id" 'echo "${FAKE_ID:-0}"'
  put "$bin/uname" 'echo "${FAKE_MACHINE:-x86_64}"'
  put "$tree/sandbox/up" 'echo "up $*" >>"$LOG"; exit "${FAKE_UP:-0}"'
  put "$tree/sandbox/isolated" 'echo isolated >>"$LOG"; exec "$@"'
  put "$tree/sandbox/egress" 'echo egress >>"$LOG"; exit "${FAKE_EGRESS:-0}"'
}
put() { # FILE SCRIPT
  printf '#!/bin/sh\n%s\n' "$2" >"$1"
  chmod +x "$1"
}
fake_windlass() { put "$1" 'for word; do echo "[$word]"; done >>"$LOG"; echo out; exit "${FAKE_EXIT:-0}"'; }
fake_cargo() { # VERSION
  fake_windlass "$work/fake-windlass"
  put "$bin/cargo" 'if [ "$1" = --version ]; then echo "cargo '"$1"' (abc 2026-01-01)"; exit; fi
echo "cargo $* in $(pwd)" >>"$LOG"
[ -z "${FAKE_CARGO:-}" ] || exit "$FAKE_CARGO"
while [ "$1" != --target-dir ]; do shift; done
mkdir -p "$2/release" && cp "'"$work"'/fake-windlass" "$2/release/windlass"'
}
# run FOLDER COMMAND...: sets CODE, OUT, ERR and LOGGED.
run() {
  local folder=$1
  shift
  : >"$work/log"
  CODE=0
  (cd "$folder" && PATH=$bin LOG=$work/log "$@" >"$work/out" 2>"$work/err" </dev/null) || CODE=$?
  OUT=$(cat "$work/out") ERR=$(cat "$work/err") LOGGED=$(paste -sd' ' "$work/log")
}

# begin ERR ARGUMENT...: install.sh where Ctrl-C can reach it, until what it started says that it runs; sets PID.
begin() {
  local err=$1
  shift
  : >"$work/log"
  (cd "$tree" && PATH=$bin LOG=$work/log exec "$(command -v setsid)" "$(command -v env)" --default-signal=INT ./install.sh "$@" >/dev/null 2>"$err" </dev/null) &
  PID=$!
  for _ in $(seq 100); do
    if grep -q running "$work/log"; then break; fi
    sleep 0.1
  done
}
# interrupt: Ctrl-C; sets CODE.
interrupt() {
  kill -INT -- "-$PID"
  CODE=0
  wait "$PID" || CODE=$?
}

# at_terminal ARGUMENTS: install.sh where there are screens to show; sets LOGGED.
script=$(command -v script)
at_terminal() {
  : >"$work/log"
  (cd "$tree" && PATH=$bin LOG=$work/log TERM=${AS:-xterm} SHELL=/bin/sh "$script" -qec "./install.sh $1" /dev/null </dev/null >/dev/null 2>&1) || true
  LOGGED=$(paste -sd' ' "$work/log")
}

# --- the binary beside it, and what is passed on ---
fresh
fake_windlass "$tree/windlass"
run "$tree" ./install.sh
is "no argument: install" "[install]" "$LOGGED"
is "no argument: ends well" 0 "$CODE"
is "no argument: stdout is windlass's alone" out "$OUT"
has "no argument: what to type next" "next: '$work/a b/it'\\''s windlass/windlass' status" "$ERR"
run / "$tree/install.sh" --yes --set "a.b=c d" --answers ./x.yaml
is "options from another folder" "[install] [--yes] [--set] [a.b=c d] [--answers] [./x.yaml]" "$LOGGED"
at_terminal ""
is "at a terminal: screens" "[guide]" "$LOGGED"
at_terminal "--sandbox --answers a.yaml"
is "at a terminal: screens for the sandbox" "up --online [guide] [--sandbox] [--answers] [a.yaml]" "$LOGGED"
at_terminal "--sandbox --yes"
is "at a terminal: no screens where nobody is to be asked" "up --online [install] [--sandbox] [--yes]" "$LOGGED"
at_terminal "--bundle /mnt/platform.tar --registry r.site/mirror"
is "at a terminal: screens begin with the offline bundle" "[guide] [--registry] [r.site/mirror] [--bundle] [/mnt/platform.tar]" "$LOGGED"
at_terminal "--waive resources"
is "at a terminal: what only install takes" "[install] [--waive] [resources]" "$LOGGED"
AS=dumb at_terminal ""
is "at a terminal that shows no screens" "[install]" "$LOGGED"
run "$tree" ./install.sh status --json
is "a command is passed as it is" "[status] [--json]" "$LOGGED"
is "a command: nothing more to say" "" "$ERR"
run "$tree" ./install.sh --sandbox --yes
is "the sandbox comes first" "up --online [install] [--sandbox] [--yes]" "$LOGGED"
has "the sandbox: said before" "builds Kubernetes" "$ERR"
has "the sandbox: how long" "twenty-five minutes" "$ERR"
has "the sandbox: what to type next" "windlass' --sandbox status" "$ERR"
run "$tree" ./install.sh --sandbox status
is "a command behind --sandbox" "up --online [status] [--sandbox]" "$LOGGED"
mkdir -p "$HOME/.cache/windlass/images/x" && touch "$HOME/.cache/windlass/images/x/list"
run "$tree" ./install.sh --sandbox
has "the sandbox from the cache: how long" "about a minute" "$ERR"
run "$tree" ./install.sh --help
is "help: ends well" 0 "$CODE"
has "help" "usage: ./install.sh" "$OUT"
is "help does nothing" "" "$LOGGED"

# --- exit codes ---
for code in 2 5 7; do
  run "$tree" env FAKE_EXIT=$code ./install.sh --yes --set "a.b=c d"
  is "exit code $code" "$code" "$CODE"
  has "exit code $code: how to go on" "then again: ./install.sh --yes --set 'a.b=c d'" "$ERR"
done
run "$tree" env FAKE_EXIT=8 ./install.sh
is "declined: exit code" 8 "$CODE"
is "declined: nothing to add" "" "$ERR"
run "$tree" env FAKE_UP=1 ./install.sh --sandbox
is "the sandbox failed: windlass is not run" "up --online" "$LOGGED"
is "the sandbox failed: exit code" 1 "$CODE"
run "$tree" env FAKE_ID=1000 ./install.sh --sandbox --yes
is "not root: nothing is run" "" "$LOGGED"
has "not root: how" "next: sudo ./install.sh --sandbox --yes" "$ERR"

# --- Ctrl-C ---
put "$tree/windlass" 'trap "echo stopping >>\"$LOG\"; exit 6" INT; echo running >>"$LOG"; for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; done'
begin "$work/err"
interrupt
is "Ctrl-C: windlass ends it" "running stopping" "$(paste -sd' ' "$work/log")"
is "Ctrl-C: windlass's exit code" 6 "$CODE"

# --- building ---
fresh
run "$tree" ./install.sh --yes
is "no cargo: exit code" 1 "$CODE"
has "no cargo: says what is missing" "found: none" "$ERR"
has "no cargo: says how to get it" "rustup" "$ERR"
has "no cargo: how to go on" "then ./install.sh --yes" "$ERR"
fake_cargo 1.85.0
run "$tree" ./install.sh
has "an old cargo" "found: 1.85" "$ERR"
fake_cargo 1.100.0
run "$tree" ./install.sh
has "no C compiler" "apt-get install gcc libc6-dev" "$ERR"
is "no C compiler: nothing is built" "" "$LOGGED"
put "$bin/apt-get" 'echo "apt-get $*" >>"$LOG"'
run "$tree" ./install.sh --sandbox
has "no C compiler, with the sandbox: said" "installs gcc libc6-dev from Debian" "$ERR"
has "no C compiler, with the sandbox: installed" "apt-get install -y --no-install-recommends gcc libc6-dev up --online cargo build" "$LOGGED"
rm -rf "$tree/target"
put "$bin/cc" :
run / "$tree/install.sh" --yes
is "built, in its folder" "cargo build --release --locked --bin windlass --target-dir $tree/target in $tree [install] [--yes]" "$LOGGED"
has "built: said before, with the time" "seven minutes" "$ERR"
run "$tree" ./install.sh
is "built once" "[install]" "$LOGGED"
touch -d '+1 minute' "$tree/src/main.rs"
run "$tree" ./install.sh
has "built again when a source is newer" "cargo build" "$LOGGED"
rm -rf "$tree/target"
run "$tree" env CARGO_TARGET_DIR="$work/other target" ./install.sh
has "another target folder is used" "--target-dir $work/other target" "$LOGGED"
is "another target folder: the binary is here all the same" yes "$([ -x "$tree/target/release/windlass" ] && echo yes)"
is "another target folder: nothing half-written" windlass "$(ls "$tree/target/release")"
rm -rf "$tree/target"
run "$tree" env FAKE_CARGO=101 ./install.sh
is "the build failed: exit code" 1 "$CODE"
has "the build failed" "failed to build windlass" "$ERR"

# --- the windlass in an offline bundle ---
# bundle FILE PROGRAM [PLATFORM]: an offline bundle as `windlass bundle create` writes it, with this windlass and others' blobs.
bundle() {
  local made=$work/made program platform=${3:-linux/amd64} blob
  rm -rf "$made" && mkdir -p "$made/blobs/sha256"
  program=$(sha256sum <"$2") program=${program%% *}
  cp "$2" "$made/blobs/sha256/$program"
  for blob in "" one "$(seq 400)" "$(seq 3000)"; do printf '%s' "$blob" >"$made/blob" && mv "$made/blob" "$made/blobs/sha256/$(printf '%s' "$blob" | sha256sum | cut -d' ' -f1)"; done
  {
    printf 'schema: 1\nimages:\n  docker.io/x/windlass:1:\n    used_by:\n    - component: windlass\n      at: images.windlass\n'
    printf 'programs:\n  helm:\n    version: 4.2.4\n    platforms:\n      linux/amd64:\n        digest: sha256:%064d\n        size: 3\n' 0
    printf '  windlass:\n    version: 0.1.0\n    platforms:\n      %s:\n        digest: sha256:%s\n        size: 9\n' "$platform" "$program"
    printf 'bundle:\n  windlass: 0.1.0\n  platforms:\n  - linux/amd64\n  components:\n  - livy\n  blobs:\n'
    for blob in "$made"/blobs/sha256/*; do printf '    sha256:%s: %s\n' "${blob##*/}" "$(stat -c %s "$blob")"; done
  } | sed "${LINE_ENDS:-}" >"$made/images.lock"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$made/oci-layout"
  printf '{"schemaVersion":2}' >"$made/index.json"
  (cd "$made" && tar --format=gnu -b 1 -cf "$1" images.lock oci-layout index.json blobs/sha256/*)
}
no_leftovers() { find /tmp "$tree" -maxdepth 1 -name '.windlass.*'; }
fresh
fake_windlass "$work/program"
seq 5000 >>"$work/program" # more than some blocks; the shell does not get there
media="$work/a b/media"
mkdir -p "$media/one" "$media/two"
bundle "$media/platform.tar" "$work/program"
run "$tree" ./install.sh --bundle "$media/platform.tar" --registry r/x --yes
is "a bundle's windlass: run" "[--version] [install] [--registry] [r/x] [--yes] [--bundle] [$media/platform.tar]" "$LOGGED"
is "a bundle's windlass: ends well" 0 "$CODE"
has "a bundle's windlass: said" "windlass is the one in $media/platform.tar" "$ERR"
has "a bundle's windlass: what to type next" "next: ./install.sh --bundle '$media/platform.tar' status" "$ERR"
is "a bundle's windlass: nothing stays" "" "$(no_leftovers)"
is "a bundle's windlass: stdout is windlass's alone" out "$OUT"
run "$media" "$tree/install.sh" --bundle=platform.tar plan --json
is "--bundle=FILE, before a command" "[--version] [plan] [--json] [--bundle] [platform.tar]" "$LOGGED"
run "$media" "$tree/install.sh" --bundle platform.tar status --json
is "a command that has no --bundle" "[--version] [status] [--json]" "$LOGGED"
run "$media" "$tree/install.sh" preflight --bundle "$media"
is "a folder with the file" "[--version] [preflight] [--bundle] [$media]" "$LOGGED"
run "$tree" env FAKE_EXIT=7 ./install.sh --bundle "$media/platform.tar"
has "a bundle's windlass does not start" "failed to start windlass from a temporary folder" "$ERR"
is "a bundle's windlass does not start: exit code" 1 "$CODE"
put "$work/fails" '[ "$1" = --version ] || exit 7'
bundle "$media/fails.tar" "$work/fails"
run "$tree" ./install.sh --bundle "$media/fails.tar" --yes
is "a bundle's windlass fails: its exit code" 7 "$CODE"
is "a bundle's windlass fails: nothing stays" "" "$(no_leftovers)"
rm "$media/fails.tar"
at_terminal "--bundle '$media/platform.tar'"
is "at a terminal: screens with the bundle" "[--version] [guide] [--bundle] [$media/platform.tar]" "$LOGGED"
run "$tree" ./install.sh --yes --bundle
is "--bundle without a file" 2 "$CODE"
for split in 3000 512 997 4096; do
  (cd "$media" && rm -f one/* two/* && split -b $split -a 3 --numeric-suffixes=1 platform.tar one/platform.tar. && mv one/platform.tar.002 two/PLATFORM.TAR.002)
  run "$tree" ./install.sh --bundle "$media/one:$media/two" --yes
  is "parts of $split bytes in two folders" "[--version] [install] [--yes] [--bundle] [$media/one:$media/two]" "$LOGGED"
done
run "$tree" ./install.sh --bundle "$media/one/platform.tar.003" --bundle "$media/two" --yes
is "a part and a folder" "[--version] [install] [--yes] [--bundle] [$media/one/platform.tar.003] [--bundle] [$media/two]" "$LOGGED"
run "$tree" ./install.sh --bundle "$media/one/platform.tar:$media/two" --yes
is "the name of the whole" "[--version] [install] [--yes] [--bundle] [$media/one/platform.tar:$media/two]" "$LOGGED"
run "$tree" ./install.sh --bundle "$media/one"
has "a part is missing: said" "part 002 of platform.tar is missing at $media/one" "$ERR"
is "a part is missing: exit code" 1 "$CODE"
cp "$media/one/platform.tar.003" "$media/two/"
run "$tree" ./install.sh --bundle "$media/one:$media/two"
has "a part is there twice" "part 003 of platform.tar is there twice" "$ERR"
rm "$media/two/platform.tar.003"
cp "$media/two/PLATFORM.TAR.002" "$media/two/other.tar.001"
run "$tree" ./install.sh --bundle "$media/one:$media/two"
has "two bundles" "there are several offline bundles at $media/one:$media/two" "$ERR"
run "$tree" ./install.sh --bundle "$media/one/platform.tar.001:$media/two" --yes
is "two bundles, one of them named" "[--version] [install] [--yes] [--bundle] [$media/one/platform.tar.001:$media/two]" "$LOGGED"
run "$tree" ./install.sh --bundle "$media/none.tar"
has "no bundle there" "there is no offline bundle at $media/none.tar" "$ERR"
cp "$media/platform.tar" "$media/with:colon.tar"
run "$tree" ./install.sh --bundle "$media/with:colon.tar" --yes
is "a name with a colon" "[--version] [install] [--yes] [--bundle] [$media/with:colon.tar]" "$LOGGED"
LINE_ENDS='s/$/\r/' bundle "$media/crlf.tar" "$work/program"
run "$tree" ./install.sh --bundle "$media/crlf.tar" --yes
is "a lock with the line ends of Windows" "[--version] [install] [--yes] [--bundle] [$media/crlf.tar]" "$LOGGED"
bundle "$media/arm.tar" "$work/program" linux/arm64
run "$tree" ./install.sh --bundle "$media/arm.tar"
has "none for this platform: said" "holds no windlass for linux/amd64" "$ERR"
has "none for this platform: how to get it" "put a windlass beside install.sh" "$ERR"
is "none for this platform: nothing is run" "" "$LOGGED"
is "none for this platform: nothing stays" "" "$(no_leftovers)"
run "$tree" env FAKE_MACHINE=aarch64 ./install.sh --bundle "$media/arm.tar"
has "another platform" "[--version] [install]" "$LOGGED"
sed 's/^4999$/4998/' "$media/platform.tar" >"$media/damaged.tar"
run "$tree" ./install.sh --bundle "$media/damaged.tar" --yes
has "a damaged windlass: said" "is damaged: its sum is" "$ERR"
is "a damaged windlass: not run" "" "$LOGGED"
is "a damaged windlass: exit code" 1 "$CODE"
is "a damaged windlass: nothing stays" "" "$(no_leftovers)"
head -c 3000 "$media/platform.tar" >"$media/short.tar"
run "$tree" ./install.sh --bundle "$media/short.tar"
is "a bundle that ends early: not run" "1 " "$CODE $LOGGED"
printf 'PK something else' >"$media/zip.tar"
run "$tree" ./install.sh --bundle "$media/zip.tar"
has "not an offline bundle" "is no offline bundle: it does not begin with images.lock" "$ERR"
for option in "--key site.pub" --key=site.pub; do
  # shellcheck disable=SC2086 # an option and its value
  run "$tree" ./install.sh --bundle "$media/platform.tar" $option --yes
  has "$option: a bundle's own windlass proves nothing" "which proves nothing" "$ERR"
  is "$option: nothing is run" "1 " "$CODE $LOGGED"
done
run "$tree" env TMPDIR=/nonexistent ./install.sh --bundle "$media/platform.tar" --yes
is "no temporary folder: beside the script" "[--version] [install] [--yes] [--bundle] [$media/platform.tar]" "$LOGGED"
is "no temporary folder: nothing stays" "" "$(no_leftovers)"
fake_windlass "$tree/windlass"
run "$tree" ./install.sh --bundle "$media/platform.tar" --key site.pub --yes
is "a windlass beside it is taken, with --key too" "[install] [--key] [site.pub] [--yes] [--bundle] [$media/platform.tar]" "$LOGGED"
run "$tree" ./install.sh --sandbox --bundle "$media/platform.tar" --yes
is "rehearsal: no way out, and counted" "up --offline isolated [install] [--sandbox] [--yes] [--bundle] [$media/platform.tar] egress" "$LOGGED"
has "rehearsal: said before" "with an empty registry and no way out" "$ERR"
run "$tree" env FAKE_EGRESS=1 ./install.sh --sandbox --bundle "$media/platform.tar" --yes
is "rehearsal: a packet wanted to leave" 1 "$CODE"
run "$tree" env FAKE_EGRESS=1 FAKE_EXIT=5 ./install.sh --sandbox --bundle "$media/platform.tar" --yes
is "rehearsal: windlass's exit code comes first" 5 "$CODE"
rm -r "$tree/sandbox"
run "$tree" ./install.sh --sandbox --yes
has "no sandbox beside it" "clone the repository" "$ERR"
rm "$tree/windlass"
put "$work/waits" '[ "$1" != --version ] || exit 0; trap "exit 6" INT; echo running >>"$LOG"; for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; done'
bundle "$media/waits.tar" "$work/waits"
begin /dev/null --bundle "$media/waits.tar"
has "Ctrl-C, a bundle's windlass: it is there" .windlass. "$(no_leftovers)"
interrupt
is "Ctrl-C, a bundle's windlass: its exit code" 6 "$CODE"
is "Ctrl-C, a bundle's windlass: nothing stays" "" "$(no_leftovers)"
put "$work/slow" 'if [ "$1" = --version ]; then echo running >>"$LOG"; sleep 3; fi'
bundle "$media/slow.tar" "$work/slow"
begin /dev/null --bundle "$media/slow.tar"
interrupt
is "Ctrl-C while it is taken: exit code" 130 "$CODE"
is "Ctrl-C while it is taken: nothing stays" "" "$(no_leftovers)"

# With nothing but busybox: in a root folder of its own where root runs this, else by its programs alone.
if [ -n "$busybox" ]; then
  bare=$work/bare
  mkdir -p "$bare/bin" "$bare/media" "$bare/dev" "$bare/tmp"
  mknod -m 0666 "$bare/dev/null" c 1 3 2>/dev/null || : >"$bare/dev/null"
  cp "$busybox" "$bare/bin/busybox"
  for program in $("$busybox" --list); do [ "$program" = busybox ] || ln -sf busybox "$bare/bin/$program"; done
  cp "$root/install.sh" "$bare/"
  bundle "$bare/media/platform.tar" "$work/program"
  (cd "$bare/media" && split -b 1500 -a 3 --numeric-suffixes=1 platform.tar platform.tar. && rm platform.tar && mv platform.tar.001 "$bare/")
  if [ "$(id -u)" = 0 ] && chroot "$bare" /bin/true 2>/dev/null; then
    CODE=0
    chroot "$bare" /bin/env PATH=/bin LOG=/log /bin/sh /install.sh --bundle /:/media --registry r --yes >"$work/out" 2>"$work/err" || CODE=$?
    is "busybox in an empty root" "0 [--version] [install] [--registry] [r] [--yes] [--bundle] [/:/media]" "$CODE $(paste -sd' ' "$bare/log" 2>/dev/null || cat "$work/err")"
    is "busybox in an empty root: nothing stays" "" "$(find "$bare" -maxdepth 2 -name '.windlass.*')"
  else
    run "$bare" env PATH="$bare/bin" "$bare/bin/sh" ./install.sh --bundle "$bare:$bare/media" --registry r --yes
    is "busybox" "0 [--version] [install] [--registry] [r] [--yes] [--bundle] [$bare:$bare/media]" "$CODE $LOGGED"
  fi
else
  echo "skipped: there is no busybox here (apt-get install busybox-static)"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
