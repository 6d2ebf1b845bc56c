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
unset CARGO_TARGET_DIR CARGO_HOME WINDLASS_CACHE XDG_CACHE_HOME
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
  for program in cat chmod cp cut dirname env find head mkdir mv printf sed sh sort sleep touch; do ln -s "$(command -v "$program")" "$bin/$program"; done
  put "$bin/id" 'echo "${FAKE_ID:-0}"'
  put "$tree/sandbox/up" 'echo "up" >>"$LOG"; exit "${FAKE_UP:-0}"'
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
is "at a terminal: screens for the sandbox" "up [guide] [--sandbox] [--answers] [a.yaml]" "$LOGGED"
at_terminal "--sandbox --yes"
is "at a terminal: no screens where nobody is to be asked" "up [install] [--sandbox] [--yes]" "$LOGGED"
at_terminal "--waive resources"
is "at a terminal: what only install takes" "[install] [--waive] [resources]" "$LOGGED"
AS=dumb at_terminal ""
is "at a terminal that shows no screens" "[install]" "$LOGGED"
run "$tree" ./install.sh status --json
is "a command is passed as it is" "[status] [--json]" "$LOGGED"
is "a command: nothing more to say" "" "$ERR"
run "$tree" ./install.sh --sandbox --yes
is "the sandbox comes first" "up [install] [--sandbox] [--yes]" "$LOGGED"
has "the sandbox: said before" "builds Kubernetes" "$ERR"
has "the sandbox: how long" "twenty-five minutes" "$ERR"
has "the sandbox: what to type next" "windlass' --sandbox status" "$ERR"
run "$tree" ./install.sh --sandbox status
is "a command behind --sandbox" "up [--sandbox] [status]" "$LOGGED"
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
is "the sandbox failed: windlass is not run" up "$LOGGED"
is "the sandbox failed: exit code" 1 "$CODE"
run "$tree" env FAKE_ID=1000 ./install.sh --sandbox --yes
is "not root: nothing is run" "" "$LOGGED"
has "not root: how" "next: sudo ./install.sh --sandbox --yes" "$ERR"

# --- Ctrl-C ---
put "$tree/windlass" 'trap "echo stopping >>\"$LOG\"; exit 6" INT; echo running >>"$LOG"; for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; done'
: >"$work/log"
(cd "$tree" && PATH=$bin LOG=$work/log exec "$(command -v setsid)" "$(command -v env)" --default-signal=INT ./install.sh >/dev/null 2>"$work/err" </dev/null) &
pid=$!
for _ in $(seq 100); do
  if grep -q running "$work/log"; then break; fi
  sleep 0.1
done
kill -INT -- "-$pid"
CODE=0
wait "$pid" || CODE=$?
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
has "no C compiler, with the sandbox: installed" "apt-get install -y --no-install-recommends gcc libc6-dev up cargo build" "$LOGGED"
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

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
