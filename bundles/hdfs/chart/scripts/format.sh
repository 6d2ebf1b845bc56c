# shellcheck shell=bash
# Gives a NameNode its file system image where it has none: formatted where there is no file system yet, copied from the
# other NameNode where there is one. Each is made in a new folder that is renamed when it is whole. Nothing is ever
# deleted or formatted over, so that it can be killed at any moment and begins again. Metadata of HDFS 2 are refused: a
# NameNode that was told to upgrade them would leave no way back, and one that was not would end again and again, with a
# stack trace.
# DATA is the volume. In high availability JOURNALNODES are host:port of their web servers, NAMENODES those of the
# NameNodes, and NAMESERVICE the file system's name.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
data=${DATA:-/data}
name=$data/name
# Since when the edits of this image are the JournalNodes' too; holds the name of the file system.
shared=$data/.shared
# While another NameNode is in safe mode for us.
saving=$data/.saving
# A shell that is the first process of its container heeds no signal by itself.
trap 'exit 143' TERM
pause=${PAUSE:-3}
id=()
if [ -n "${JOURNALNODES:-}" ]; then
  ordinal=${HOSTNAME##*-}
  id=(-D "dfs.ha.namenode.id=nn$ordinal")
  # shellcheck disable=SC2086 # words
  others=$(others $NAMENODES)
fi

layout=$(sed -n 's/^layoutVersion=\(-[0-9]*\)$/\1/p' "$name/current/VERSION" 2>/dev/null || true)
if [ -n "$layout" ] && [ "$layout" -gt -64 ]; then
  echo "$name holds the metadata of an HDFS 2, of layoutVersion $layout (2.7 writes -63), and HDFS 3.4, which writes -67, must not start on it; nothing was changed. start HDFS 2 on this volume again and copy its files to a new HDFS beside it (hadoop distcp webhdfs://OLD/ webhdfs://NEW/), or give this NameNode an empty volume" >&2
  exit 1
fi
image_in() { compgen -G "$1/current/fsimage_*.md5" >/dev/null; }

# image ARGUMENT…: has the NameNode make an image, and gives it its name. A start that was interrupted leaves its folder
# behind, so each try takes a new one.
image() {
  local new code=0
  new="$data/.format-$(date +%s%N)-$$"
  hdfs namenode ${id[@]+"${id[@]}"} -D "dfs.namenode.name.dir=file://$new" "$@" -nonInteractive || code=$?
  [ $code = 0 ] || return $code
  if ! image_in "$new"; then
    echo "making an image ended well but $new holds none" >&2
    return 1
  fi
  # Before the image has its name, since it is nothing without one.
  [ "$1" != -bootstrapStandby ] || echo "$NAMESERVICE" >"$shared"
  mv -T "$new" "$name"
}

# The last transaction of this volume's closed segments; nothing where there is none.
own_last() { printf '%s\n' "$name"/current/edits_*-* | sed -n 's/.*-0*\([0-9][0-9]*\)$/\1/p' | sort -n | tail -n 1; }

# How many JournalNodes hold that transaction and more, by a comparison such as '>='.
holding() { awk -v own="$(own_last)" '$1 '"$1"' own + 0' <<<"$last" | grep -c . || true; }

# Whether two of the JournalNodes hold all that is on this volume. Hadoop empties and names all of them before it gives them
# the edits, so that one that was killed between leaves JournalNodes that look as if they had them.
given() {
  if ! compgen -G "$name/current/edits_*" >/dev/null; then return 0; fi
  # It closes the last segment before it gives it.
  if compgen -G "$name/current/edits_inprogress_*" >/dev/null; then return 1; fi
  [ "$(holding '>=')" -ge 2 ]
}

# Gives the JournalNodes the edits of this volume's image where they are empty. Where any is not, it asks them whose edits
# they hold, which they know only then, and changes nothing.
give() { hdfs namenode ${id[@]+"${id[@]}"} -initializeSharedEdits -nonInteractive; }

# The JournalNodes get the edits of this volume's image, once.
share() {
  local own at claims=
  own=$(sed -n 's/^clusterID=//p' "$name/current/VERSION")
  while :; do
    # shellcheck disable=SC2086 # words
    journals $JOURNALNODES
    if [ -n "$silent" ]; then
      say "waiting for the JournalNodes:$silent do not answer"
    elif [ "$formatted" = 0 ]; then
      say "the JournalNodes are empty: giving them the edits of $own"
      if give; then break; fi
    elif [ "$empty" != 0 ]; then
      say "$empty of the JournalNodes are empty and $formatted are not, since a start was interrupted: they join the others within some minutes"
      [ -n "$clusters" ] || give || true
    elif [ -n "$clusters" ] && [ "$clusters" != "$own" ]; then
      echo "the JournalNodes hold edits of another HDFS: their cluster id is ${clusters//$'\n'/ and }, that of $name is $own. nothing was changed. give this NameNode the volume that belongs to them, or, if nobody needs their edits any more, delete the JournalNodes' claims and pods" >&2
      exit 1
    elif [ -z "$clusters" ] || [ "$(grep -c . <<<"$last")" != "$formatted" ]; then
      say "asking the JournalNodes whose edits they hold"
      give || true
    elif given; then
      break
    elif [ "$(holding '>')" != 0 ]; then
      echo "the JournalNodes hold edits that are not in $name, and too few of them hold them all. nothing was changed. give this NameNode the volume that it had, or bring the JournalNodes' back" >&2
      exit 1
    else
      for at in $JOURNALNODES; do claims="$claims data-${at%%.*}"; done
      echo "the JournalNodes hold a part only of the edits in $name, since giving them was interrupted. nothing was changed. they hold nothing that is not here: delete their claims (${claims# }) and their pods, and this goes on" >&2
      exit 1
    fi
    sleep "$pause"
  done
  echo "$NAMESERVICE" >"$shared"
  echo "the JournalNodes hold the edits of $own"
}

# A copy of the other NameNode's image. Where the JournalNodes lack edits that came after it, Hadoop's advice is to have
# the active one save its image anew; nothing can be written meanwhile, for some seconds.
copy() {
  local code lacking=0
  while :; do
    code=0
    others_up || { sleep "$pause" && continue; }
    # A try before this one may have been killed while the other NameNode was in safe mode for it.
    [ ! -e "$saving" ] || leave || { sleep "$pause" && continue; }
    say "copying the image of the other NameNode"
    image -bootstrapStandby || code=$?
    [ $code != 0 ] || break
    # 6: transactions are missing in the JournalNodes.
    if [ $code = 6 ]; then lacking=$((lacking + 1)); else lacking=0; fi
    if [ $lacking = 3 ]; then
      echo "the JournalNodes lack edits behind the other NameNode's image: having it save a new one"
      save
      lacking=0
    fi
    say "the image could not be copied (exit code $code): trying again"
    sleep "$pause"
  done
  echo "copied"
}
save() {
  local at to
  for at in $others; do
    to=(-fs "hdfs://${at%:*}:8020")
    # Whoever else put it there has a reason.
    if ! hdfs dfsadmin "${to[@]}" -safemode get | grep -q OFF; then continue; fi
    : >"$saving"
    if hdfs dfsadmin "${to[@]}" -safemode enter; then hdfs dfsadmin "${to[@]}" -saveNamespace || true; fi
  done
  [ ! -e "$saving" ] || leave || true
}
leave() {
  local at
  for at in $others; do hdfs dfsadmin -fs "hdfs://${at%:*}:8020" -safemode leave || return; done
  mv -T "$saving" "$data/.saved"
}
others_up() {
  local at
  for at in $others; do
    case $(state "$at") in active | standby | observer) return ;; esac
  done
  say "waiting for the other NameNode, to copy its image"
  return 1
}

if image_in "$name"; then
  echo "$name holds a file system image: not formatting"
  if [ -z "${JOURNALNODES:-}" ] && [ -e "$shared" ]; then
    echo "the edits of $name are with JournalNodes, since it was one of several NameNodes: alone it would lose what only they hold. nothing was changed. set hdfs.mode back to ha" >&2
    exit 1
  elif [ -n "${JOURNALNODES:-}" ] && ! [ -e "$shared" ]; then
    share
  elif [ -n "${JOURNALNODES:-}" ]; then
    was=$(<"$shared")
    if [ "${was:-$NAMESERVICE}" != "$NAMESERVICE" ]; then
      echo "the JournalNodes keep the edits of $name under the name $was, and the file system is to be called $NAMESERVICE. nothing was changed. set hdfs.nameservice back to $was" >&2
      exit 1
    fi
    # Asked once, since a NameNode that starts again must not wait for all of them.
    # shellcheck disable=SC2086 # words
    journals $JOURNALNODES
    if [ -z "$silent" ] && [ "$formatted" = 0 ]; then
      echo "all JournalNodes are empty, and they held the edits of $name: their volumes were lost. nothing was changed. bring one of them back from a copy; or, if this NameNode was the active one, which has all edits on its own volume, too, delete $shared there: it gives them to the JournalNodes again" >&2
      exit 1
    fi
  fi
  exit 0
fi
if [ -e "$name" ] && [ -n "$(ls -A "$name")" ]; then
  echo "$name is not empty but holds no file system image (current/fsimage_*.md5): its metadata is damaged or not the NameNode's; not formatting, nothing was changed. restore it from a copy, or move the folder away to begin with an empty file system" >&2
  exit 1
fi

if [ -z "${JOURNALNODES:-}" ]; then
  echo "$name is empty: formatting a new file system"
  image -format
  echo "formatted"
elif [ "$ordinal" != 0 ]; then
  copy
else
  # Only where nobody knows of a file system, which takes the word of each.
  while :; do
    # shellcheck disable=SC2086 # words
    journals $JOURNALNODES
    if [ "$formatted" != 0 ]; then
      echo "$name is empty and the JournalNodes are not: this NameNode's volume was lost, or is new"
      copy
      exit 0
    elif [ -n "$silent" ]; then
      say "waiting for the JournalNodes:$silent do not answer"
    else
      break
    fi
    sleep "$pause"
  done
  for at in $others; do
    cluster=$(field ClusterId "$(ask "$at" Hadoop:service=NameNode,name=NameNodeInfo)")
    if [ -n "$cluster" ]; then
      echo "this NameNode and all JournalNodes are empty, but ${at%%.*} serves the file system $cluster: not formatting, nothing was changed. bring the JournalNodes' volumes back, or delete the volume of ${at%%.*} to begin with an empty file system" >&2
      exit 1
    fi
  done
  echo "$name and the JournalNodes are empty: formatting a new file system"
  image -D dfs.namenode.shared.edits.dir= -format
  echo "formatted"
  share
fi
