# shellcheck shell=bash
# A rolling upgrade of HDFS, before it and at its end, as a Job of the new version's image; between them the pods are
# replaced one after the other. Whatever was killed, the same command goes on. usage: upgrade.sh prepare | finalize
# NAMENODES are host:port of the NameNodes' web servers. CHANGE_LAYOUT is `true` where somebody agreed to an upgrade that
# cannot be taken back by running the old version again.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
# A shell that is the first process of its container heeds no signal by itself.
trap 'exit 143' TERM
pause=${PAUSE:-3}
work=$(mktemp -d)
own=$(own_version)

refuse() {
  echo "$1; nothing was changed. $2" >&2
  exit 1
}

# run COMMAND…: what it says in `answer`. Of what it logs the end is shown, and only where it fails.
run() {
  if answer=$("$@" 2>"$work/log"); then return; fi
  printf '%s\n' "$answer" | tail -n 3
  grep -v '^[[:space:]]*at ' "$work/log" | tail -n 5
  return 1
}

# Asks all NameNodes. Sets `silent`, the names of those that do not serve; `active` and `standby`, one of each; `told`, what
# the active one says of itself; `knows`, one that knows of an upgrade that is not final; `versions`, theirs, each once.
look() {
  local at info
  silent='' active='' standby='' told='' knows='' versions=''
  for at in $NAMENODES; do
    info=$(ask "$at" Hadoop:service=NameNode,name=NameNodeInfo)
    case $(state "$at") in
    active) active=$at told=$info ;;
    standby | observer) standby=$at ;;
    *)
      silent="$silent ${at%%.*}"
      continue
      ;;
    esac
    if upgrading "$info"; then knows=$at; fi
    versions=$(printf '%s\n' "$versions" "$(field SoftwareVersion "$info")" | grep . | sort -u || true)
  done
}

# settled CHECK: looks until CHECK finds nothing that is in the way, which it sets as `why`, and refuses after some minutes:
# what has just begun needs a moment. In the way of both is a NameNode that does not serve.
settled() {
  for _ in $(seq "${TRIES:-60}"); do
    look
    why=
    if [ -n "$silent" ]; then
      why="not every NameNode serves (${silent# } does not)"
    elif [ -z "$active" ]; then
      why="no NameNode is active"
    # The one that stands by hears of the end within two minutes. One whose volume was made anew meanwhile never heard of
    # the upgrade (HDFS-17396), and as the active one would begin a second or end none.
    elif [ -n "$knows" ] && ! upgrading "$told"; then
      why="${knows%%.*} knows of an upgrade that is not final, and ${active%%.*}, which is active, does not: where that stays so, hdfs haadmin -failover makes ${knows%%.*} the active one"
    else
      "$1"
    fi
    [ -n "$why" ] || break
    say "waiting: $why"
    sleep "$pause"
  done
  [ -z "$why" ] || refuse "$why" "windlass status shows how HDFS is; once this is fixed, the same command goes on"
}

# The upgrade as the active NameNode tells of it: when it began, in words.
since() { date -u -d "@$(($(field startTime "$told") / 1000))" +%Y-%m-%dT%H:%M:%SZ; }

# What the NameNode's metadata are, which it tells whoever asks for an image of something else.
layout_there() { get "$active" "/imagetransfer?getimage=1&txid=0&storageInfo=none" | sed -n 's/.*has storage info \(-[0-9]*\):.*/\1/p'; }

# What this image's Hadoop writes: it says so only by writing. Without the configuration, for nothing of HDFS's is meant.
layout_here() {
  mkdir -p "$work/conf"
  HADOOP_CONF_DIR=$work/conf run hdfs namenode -fs hdfs://localhost:1 -D "dfs.namenode.name.dir=file://$work/name" \
    -format -nonInteractive >&2 || true
  sed -n 's/^layoutVersion=//p' "$work/name/current/VERSION" 2>/dev/null || true
}

fit_to_prepare() {
  local safe missing
  safe=$(field Safemode "$told") missing=$(field NumberOfMissingBlocks "$told")
  if [ "$active" != "$NAMENODES" ] && [ -z "$standby" ]; then
    why="no NameNode stands by, so that none takes over while the active one is replaced"
  # With one NameNode this ends with its restart, and a try before this one may have turned it on.
  elif [ -n "$safe" ] && { [ -n "$standby" ] || ! [[ $safe == *"turned on manually"* ]]; }; then
    why="HDFS is in safe mode"
  elif [ "$missing" != 0 ]; then
    why="${missing:-an unknown number of} blocks are missing (hdfs fsck / -list-corruptfileblocks)"
  fi
}

prepare() {
  local there here
  settled fit_to_prepare
  if [ -z "$knows" ] && [ "$versions" = "$own" ]; then
    echo "all NameNodes run Hadoop $own: there is nothing to prepare"
    return
  fi
  there=$(layout_there) here=$(layout_here)
  echo "layout version of the metadata: ${there:-unknown}, of Hadoop ${own:-in this image}: ${here:-unknown}"
  # They are negative and count down.
  if [ -n "$there" ] && [ -n "$here" ] && [ "$here" -gt "$there" ]; then
    refuse "Hadoop ${own:-in this image} is too old for these metadata: it reads them up to layout version $here" "stay with a version that reads $there"
  elif { [ -z "$there" ] || [ "$there" != "$here" ]; } && [ "${CHANGE_LAYOUT:-}" != true ]; then
    refuse "the layout of the metadata changes with this upgrade, or nobody knows: then the old version does not start on them again, and the way back is Hadoop's rollback alone, which loses all that was written since" "where that is agreed to, set hdfs.change_layout to true"
  fi
  if [ -n "$knows" ]; then
    echo "an upgrade is not final since $(since): going on with it"
  elif [ -n "$standby" ]; then
    run hdfs dfsadmin -rollingUpgrade prepare || exit 1
  else
    echo "nothing can be written while the NameNode saves an image to go back to"
    # It leaves safe mode by itself where it succeeds.
    trap 'run hdfs dfsadmin -safemode leave || true' EXIT
    run hdfs dfsadmin -safemode enter || exit 1
    run hdfs dfsadmin -rollingUpgrade prepare || exit 1
    trap - EXIT
  fi
  while :; do
    if run hdfs dfsadmin -rollingUpgrade query; then
      if [[ $answer == *"Proceed with rolling upgrade"* ]]; then break; fi
      # Of one that it does not know any more nobody would tell.
      if [[ $answer == *"no rolling upgrade in progress"* ]]; then refuse "the upgrade is not in progress any more" "run the same again"; fi
      say "waiting for the image to go back to: the NameNode that stands by saves it within minutes"
    fi
    sleep "$pause"
  done
  echo "prepared: there is an image to go back to, and what is deleted from now on keeps its room until the upgrade is final"
}

# Also those of the DataNodes, which the active NameNode counts.
one_version() {
  local datanodes
  [ -n "$knows" ] || return 0
  datanodes=$(sed -n 's/.*"DistinctVersions" *: *\[\([^]]*\)\].*/\1/p' <<<"$told" | tr '{' '\n' | sed -n 's/.*"key" *: *"\([^"]*\)".*/\1/p')
  all=$(printf '%s\n' "$versions" "$datanodes" | grep . | sort -u)
  if [ -z "$datanodes" ]; then
    why="no DataNode reports"
  elif [ "$(wc -l <<<"$all")" != 1 ]; then
    why="not all run the same version: NameNodes ${versions//$'\n'/ and }, DataNodes ${datanodes//$'\n'/ and }"
  fi
}

finalize() {
  settled one_version
  if [ -z "$knows" ]; then
    echo "no upgrade is in progress: there is nothing to finalize"
    return
  fi
  echo "all NameNodes and DataNodes run Hadoop $all: the upgrade that began at $(since) becomes final"
  run hdfs dfsadmin -rollingUpgrade finalize || exit 1
  run hdfs dfsadmin -rollingUpgrade query || exit 1
  if [[ $answer != *"no rolling upgrade in progress"* ]]; then
    printf 'it did not become final:\n%s\n' "$answer" >&2
    exit 1
  fi
  echo "final: what was deleted since then gives its room back"
}

case ${1:-} in
prepare) prepare ;;
finalize) finalize ;;
*)
  echo "usage: upgrade.sh prepare | finalize" >&2
  exit 2
  ;;
esac
