# shellcheck shell=bash
# What HDFS's daemons say of themselves. For the scripts beside it, in pods and where nothing but bash is at hand.

# get HOST:PORT PATH: what a daemon's web server answers, head and all, on one line; nothing where it does not in 5 s.
get() {
  # shellcheck disable=SC2016 # that shell's own
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" "$0" >&3 && cat <&3' \
    "${1%:*}" "${1##*:}" "$2" 2>/dev/null | tr -d '\0\r\n' || true
}

# ask HOST:PORT BEAN: what a daemon's /jmx says of a bean.
ask() { get "$1" "/jmx?qry=$2"; }

# field NAME TEXT: a bean's text or number of that name.
field() { sed -n 's/.*"'"$1"'" *: *"\{0,1\}\([^",}]*\).*/\1/p' <<<"$2"; }

# state HOST:PORT: active, standby or another state of a NameNode; nothing where it does not answer.
state() { field State "$(ask "$1" Hadoop:service=NameNode,name=NameNodeStatus)"; }

# others HOST:PORT…: those that are not this pod.
others() { printf '%s\n' "$@" | grep -v "^${HOSTNAME}[.:]" | paste -sd' '; }

# own_version: this image's Hadoop, by the name of a jar, which needs no JVM; nothing where there is none of that name.
own_version() {
  printf '%s\n' "${HADOOP_HOME:-/opt/hadoop}"/share/hadoop/common/hadoop-common-*.jar |
    sed -n '/-tests\.jar$/d; s/.*hadoop-common-\([0-9].*\)\.jar$/\1/p' | head -n 1
}

# older A B: whether version A is older than B.
older() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Whether a NameNode, by its NameNodeInfo, knows of an upgrade that is not final.
upgrading() { grep -q '"RollingUpgradeStatus" *: *{' <<<"$1"; }

# say TEXT: once, until there is something else to say.
last_said=
say() {
  [ "$last_said" = "$*" ] || echo "$*"
  last_said=$*
}

# journals HOST:PORT…: asks JournalNodes. Sets `formatted` and `empty`, how many hold edits and how many do not; `silent`,
# the names of those that do not answer; `clusters`, whose edits they say they hold, which they know only once somebody
# asked for them; `storage`, the same in their own words; `written`, how many of those with edits a NameNode may have
# written to; and `last`, the last transaction that each of them holds, one a line.
journals() {
  local at one answer
  formatted=0 empty=0 written=0 silent='' clusters='' storage='' last=''
  for at in "$@"; do
    answer=$(ask "$at" Hadoop:service=JournalNode,name=JournalNodeInfo)
    case $answer in
    *'\"'"$NAMESERVICE"'\":{\"Formatted\":\"true\"}'*)
      formatted=$((formatted + 1))
      one=$(sed -n 's/.*"ClusterIds" *: *\[ *"\([^"]*\)".*/\1/p' <<<"$answer")
      clusters=$(printf '%s\n' "$clusters" "$one" | grep . | sort -u || true)
      one=$(sed -n 's/.*"StorageInfos" *: *\[ *"{\([^"}]*\)}".*/\1/p' <<<"$answer" | tr ',' '\n' | tr -d ' ' | sort | paste -sd' ')
      storage=$(printf '%s\n' "$storage" "$one" | grep . | sort -u || true)
      answer=$(ask "$at" "Hadoop:service=JournalNode,name=Journal-$NAMESERVICE")
      # A NameNode that is about to write has itself promised an epoch first; what is not known counts as written.
      [ "$(field LastPromisedEpoch "$answer")" = 0 ] || written=$((written + 1))
      last=$(printf '%s\n' "$last" "$(field LastWrittenTxId "$answer")" | grep . || true)
      ;;
    *'"JournalsStatus"'*) empty=$((empty + 1)) ;;
    *) silent="$silent ${at%%.*}" ;;
    esac
  done
}

# Whether a JournalNode that is empty may take its place among these: all of the others answer and hold edits of one file
# system, so that no edit is only where it was lost. Or nobody has written yet: a first start was interrupted.
may_join() {
  [ -z "$silent" ] && [ "$formatted" -gt 0 ] && [ "$(grep -c . <<<"$storage")" = 1 ] && { [ "$empty" = 0 ] || [ "$written" = 0 ]; }
}
