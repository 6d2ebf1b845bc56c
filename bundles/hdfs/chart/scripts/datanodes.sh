# shellcheck shell=bash
# What has to be done with DataNodes and copies before their number, or that of the copies, changes, and afterwards. In a
# Job; each part can be killed at any moment and begins again.
#   may-leave  refuses where a file would have fewer copies than it asks for, or where there is no room; changes nothing
#   drain      has the NameNodes copy what is on them to the others, and waits until all of it is there
#   admit      has those that are to stay take blocks again
#   copies     gives files that are there another number of copies
# NAMENODES are host:port of the NameNodes' web servers, DATANODE is the DataNodes' name without the number, STAYING how
# many of them stay, LEAVING the names of those that leave, COPIES the number of copies.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
trap 'exit 143' TERM
pause=${PAUSE:-3}
leaving=${LEAVING:-}
tmp=$(mktemp -d)

# section NAME TEXT: one of a bean's maps of DataNodes, without the quotes around it.
section() { sed -n 's/.*"'"$1"'" *: *"\(\([^"\\]\|\\.\)*\)".*/\1/p' <<<"$2" | sed 's/\\"/"/g'; }

# of DATANODE SECTION: what it says of one; nothing where it does not know it.
of() { grep -o "\"$1\\.[^\"]*\":{[^}]*}" <<<"$2" || true; }

# names SECTION: the names of those it knows.
names() { grep -o '"[^"]*":{' <<<"$1" | sed 's/^"\([^.:"]*\).*/\1/' | sort -V || true; }

stays() { [ "${1%-*}" = "$DATANODE" ] && [ "${1##*-}" -lt "$STAYING" ] 2>/dev/null; }
leaves() { case " $leaving " in *" $1 "*) ;; *) return 1 ;; esac; }

# look HOST:PORT: sets `live`, `dead` and `moving` as that NameNode knows them, and `info` as it says it; fails where it does
# not answer.
look() {
  info=$(ask "$1" Hadoop:service=NameNode,name=NameNodeInfo)
  [ -n "$(field ClusterId "$info")" ] || return 1
  live=$(section LiveNodes "$info") dead=$(section DeadNodes "$info") moving=$(section DecomNodes "$info")
}

# active: sets `at` to the active NameNode, and looks at what it knows. Waits for one.
active() {
  local tries=${TRIES:-60}
  while :; do
    for at in $NAMENODES; do
      if [ "$(state "$at")" = active ] && look "$at"; then return; fi
    done
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
      echo "no NameNode is active, so nothing can be moved and nothing was changed. windlass status says how they are" >&2
      exit 1
    fi
    say "waiting for an active NameNode"
    sleep "$pause"
  done
}

size() { numfmt --to=iec --suffix=B "$1"; }

# sum FIELD DATANODE…: of those that are live.
sum() {
  local one name=$1
  shift
  for one in "$@"; do field "$name" "$(of "$one" "$live")"; done | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

staying() { seq -f "$DATANODE-%.0f" 0 $((STAYING - 1)); }

# Those that have left before and that the NameNode still thinks are there: reading anew who leaves would take their leave
# back, and the copies of their blocks elsewhere would count as too many, and be deleted.
left_before() {
  local one
  for one in $(names "$live"); do
    if ! stays "$one" && ! leaves "$one" && [ "$(field adminState "$(of "$one" "$live")")" = Decommissioned ]; then
      echo "$one"
    fi
  done
}

# refresh HOST:PORT: has that NameNode read anew which DataNodes leave.
refresh() {
  local behind
  behind=$(left_before | paste -sd' ')
  if [ -n "$behind" ]; then
    say "waiting until ${1%%.*} has forgotten $behind, which left before: within eleven minutes"
    return
  fi
  hdfs dfsadmin -fs "hdfs://${1%:*}:8020" -refreshNodes >/dev/null || say "${1%%.*} could not be told: trying again"
}

# settled: sets `why` to what keeps the NameNode from knowing where all blocks are: one that has just begun knows of no
# DataNode and misses no block. Of what it does not know, a pod that answers is there all the same.
settled() {
  local one missing
  missing=$(for one in $(staying); do [ -n "$(of "$one" "$live")" ] || echo "$one"; done | paste -sd' ')
  why=
  if [ -n "$(field Safemode "$info")" ]; then
    why="HDFS is in safe mode"
  elif [ -n "$missing" ]; then
    why="$missing: not reporting to the NameNode, so the copies there cannot be counted on"
  elif [ "$(field NumberOfMissingBlocks "$info")" != 0 ]; then
    why="blocks are missing (hdfs fsck / -list-corruptfileblocks names their files)"
  else
    for one in $leaving; do
      if ! knows "$one" && [ -n "$(ask "$one.$DATANODE:9864" Hadoop:service=DataNode,name=DataNodeInfo)" ]; then
        why="$one runs, and has not reported to the NameNode yet"
      fi
    done
  fi
}

# Whether the NameNode knows of a DataNode, be it dead; and whether of any that leaves.
knows() { [ -n "$(of "$1" "$live")$(of "$1" "$dead")" ]; }
knows_any() {
  local one
  for one in $leaving; do
    if knows "$one"; then return; fi
  done
  return 1
}

# lacking: how many blocks have fewer copies than they should, those on their way among them; nothing where it is not known.
lacking() {
  local counts low pending
  counts=$(ask "$at" Hadoop:service=NameNode,name=FSNamesystem)
  low=$(field LowRedundancyBlocks "$counts") pending=$(field PendingReconstructionBlocks "$counts")
  [ -z "$low" ] || [ -z "$pending" ] || echo $((low + pending))
}

# stands NUMBER: whether that many blocks, where it is known how many, have been as many for minutes.
least='' stood=$SECONDS
stands() {
  if [ -n "$1" ] && { [ -z "$least" ] || [ "$1" -lt "$least" ]; }; then least=$1 stood=$SECONDS; fi
  [ $((SECONDS - stood)) -ge $((${STUCK:-120} * 5)) ]
}

may_leave() {
  local one full used room
  for _ in $(seq "${TRIES:-60}"); do
    active
    settled
    [ -n "$why" ] || break
    say "waiting: $why"
    sleep "$pause"
  done
  if [ -n "$why" ]; then
    echo "$why. nothing was changed. windlass status says how HDFS is" >&2
    exit 1
  fi
  if ! knows_any; then
    echo "already gone: $leaving"
    return
  fi
  # What a try before this one has copied needs no room any more.
  full=$(for one in $leaving; do [ "$(field adminState "$(of "$one" "$live")")" = Decommissioned ] || echo "$one"; done)
  # shellcheck disable=SC2046,SC2086 # words
  used=$(sum usedSpace $full) room=$(sum remaining $(staying))
  if [ "$used" -gt "$room" ]; then
    echo "$leaving: $(size "$used") are there, and those that stay have room for $(size "$room"). nothing was changed. delete files, give DataNodes larger volumes, or keep more of them" >&2
    exit 1
  fi
  say "looking at the copies of all files"
  hdfs fsck / -files -includeSnapshots 2> >(grep -v "^Connecting to namenode" >&2) | STAYING=$STAYING LC_ALL=C awk '
    {
      # The path comes first and may hold anything: what is said of it is behind the last such words.
      said = $0
      if (sub(/^.* [0-9]+ bytes, (replicated: replication|erasure-coded: policy)=/, "", said)) {
        if (++files % 100000 == 0) { print "looked at " files " files"; fflush() }
        split(said, part, ","); n = split(part[1], word, "-")
        copies = n < 3 ? part[1] + 0 : word[n - 2] + word[n - 1]
        if (copies > ENVIRON["STAYING"] + 0 && ++many <= 5) {
          path = substr($0, 1, length($0) - length(said)); sub(/ [0-9]+ bytes, [^ ]+ [^ ]+$/, "", path)
          told = told (told ? ", " : "") path " (" copies ")"
        }
      }
    }
    /^ *(Missing|Corrupt) blocks:/ { if ($3 > 0) bad = bad "; " tolower($1) " blocks: " $3 }
    /^The filesystem under path .* is (HEALTHY|CORRUPT)/ { whole = 1 }
    END {
      if (!whole) { print "the files could not be looked at. nothing was changed"; exit 1 }
      if (bad) { print "HDFS is not whole" bad ". nothing was changed. hdfs fsck / -list-corruptfileblocks names the files"; exit 1 }
      if (many) {
        if (many > 5) told = told " and " many - 5 " more"
        print many " of " files + 0 " files ask for more copies than the " ENVIRON["STAYING"] " DataNodes that would stay can hold: " told ". nothing was changed. lower that number (hdfs dfs -setrep NUMBER PATH; of a snapshot: delete it), or keep more DataNodes"
        exit 1
      }
      print "all " files + 0 " files have room for their copies on " ENVIRON["STAYING"] " DataNodes"
    }'
}

# How one that leaves is, as the active NameNode knows it: done, or what it waits for.
left() {
  local here state
  here=$(of "$1" "$live")
  state=$(field adminState "$here")
  case $state in
  Decommissioned) ;;
  'Decommission In Progress')
    echo "$1: $(field underReplicatedBlocks "$(of "$1" "$moving")") of $(field numBlocks "$here") blocks to copy"
    ;;
  # It is gone, or dead: what counts is whether any block lacks copies.
  '') ;;
  *) echo "$1: its NameNode has not been told yet" ;;
  esac
}

drain() {
  local one waits told since=$SECONDS last=
  while :; do
    for at in $NAMENODES; do
      look "$at" || continue
      for one in $leaving; do
        case $(field adminState "$(of "$one" "$live")") in
        '' | 'Decommission In Progress' | Decommissioned) ;;
        *) refresh "$at" && break ;;
        esac
      done
    done
    active
    settled
    waits=$why
    for one in $leaving; do
      told=$(left "$one")
      waits=$waits${told:+${waits:+; }$told}
    done
    if [ -z "$waits" ] && knows_any; then
      # Hadoop lets one go whose blocks have as many copies as new files get, and a file may ask for more.
      told=$(lacking)
      if [ "$told" != 0 ]; then waits="${told:-an unknown number of} blocks lack copies (hdfs fsck / names them)"; fi
      if [ -n "$waits" ] && stands "$told"; then
        echo "$waits, and none was copied for minutes: their files ask for more than there is room for. nothing was taken away. lower that (hdfs dfs -setrep NUMBER PATH), or keep more DataNodes" >&2
        exit 1
      fi
    else
      stood=$SECONDS
    fi
    if [ -z "$waits" ]; then break; fi
    say "$waits"
    if [ "$waits" != "$last" ]; then
      last=$waits since=$SECONDS
    elif [ $((SECONDS - since)) -ge "${STUCK:-120}" ]; then
      # A block that is still being written moves when its file is closed.
      say "files that are open there: $(hdfs dfsadmin -listOpenFiles -blockingDecommission 2>/dev/null | awk -F'\t' '/\// { print $NF }' | head -n 5 | paste -sd' ' | sed 's/^$/none/')"
      since=$SECONDS
    fi
    sleep "$pause"
  done
  for one in $leaving; do echo "$one: every block has its copies elsewhere"; done
}

admit() {
  local one waits
  while :; do
    waits=
    for at in $NAMENODES; do
      look "$at" || continue
      for one in $(staying); do
        case $(field adminState "$(of "$one" "$live")") in
        Decommission*)
          waits="$waits $one"
          refresh "$at"
          break
          ;;
        esac
      done
    done
    if [ -z "$waits" ]; then break; fi
    say "to take blocks again:$waits"
    sleep "$pause"
  done
  echo "no DataNode that stays is told to leave"
}

# Where the DataNodes are there, the copies are, too, when it ends: what comes next may begin DataNodes anew.
copies() {
  local lack code=0 errors=$tmp/setrep wrong
  active
  say "giving all files $COPIES copies"
  # It says so of each file.
  hdfs dfs -setrep -R "$COPIES" / 2>"$errors" |
    awk '++files % 10000 == 0 { print files " files"; fflush() } END { print files + 0 " files are to have '"$COPIES"' copies" }' || code=${PIPESTATUS[0]}
  # What went away meanwhile is no mistake.
  wrong=$(grep -E '^(-?setrep:|Exception )' "$errors" | grep -vE 'No such file or directory|does not exist|Could not set replication for: ' || true)
  if [ -n "$wrong" ] || { [ "$code" != 0 ] && ! { [ "$code" = 1 ] && grep -q '^setrep:' "$errors"; }; }; then
    printf '%s\n' "${wrong:-$(tail -n 3 "$errors")}" "not all files could be told (exit code $code). the same command goes on" >&2
    exit 1
  fi
  stood=$SECONDS
  while :; do
    active
    if [ "$(grep -o '"adminState":"In Service"' <<<"$live" | grep -c .)" -lt "$COPIES" ]; then
      echo "they are made when there are as many DataNodes"
      break
    fi
    lack=$(lacking)
    if [ "$lack" = 0 ]; then break; fi
    say "${lack:-an unknown number of} blocks to copy"
    if stands "$lack"; then
      echo "none was copied for minutes: hdfs fsck / names them. going on, they are made when there is room"
      break
    fi
    sleep "$pause"
  done
}

set -o pipefail
case $1 in
may-leave) may_leave ;;
drain) drain ;;
admit) admit ;;
copies) copies ;;
*)
  echo "usage: datanodes.sh may-leave | drain | admit | copies" >&2
  exit 2
  ;;
esac
