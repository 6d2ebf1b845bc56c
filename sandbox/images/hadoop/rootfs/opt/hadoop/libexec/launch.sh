# shellcheck shell=bash
# What `hdfs` and `hadoop` of the stand-in have in common: options, class path, JVM flags. The variables are those of
# Hadoop's own launcher, and mean the same.

set -euo pipefail
HADOOP_HOME=${HADOOP_HOME:-/opt/hadoop}
share=$HADOOP_HOME/share/hadoop

fail() {
  printf 'ERROR: %s\n' "$*" >&2
  exit 1
}

# Sets HADOOP_CONF_DIR from `--config` and sources its hadoop-env.sh; leaves the rest of the command line in REST.
options() {
  local level=
  while [ $# -gt 0 ]; do
    case $1 in
    --config) HADOOP_CONF_DIR=${2:?--config needs a folder} && shift 2 ;;
    --loglevel) level=${2:?--loglevel needs a level} && shift 2 ;;
    --debug) shift ;;
    --daemon | --workers | --hostnames | --hosts | --buildpaths) fail "$1 is not in the sandbox's stand-in for apache/hadoop, which runs in the foreground" ;;
    --help | -help | -h) REST=() && return ;;
    *) break ;;
    esac
  done
  export HADOOP_CONF_DIR=${HADOOP_CONF_DIR:-$HADOOP_HOME/etc/hadoop}
  [ -d "$HADOOP_CONF_DIR" ] || fail "cannot find the configuration folder HADOOP_CONF_DIR=$HADOOP_CONF_DIR"
  if [ -f "$HADOOP_CONF_DIR/hadoop-env.sh" ]; then
    set +eu
    # shellcheck source=/dev/null
    . "$HADOOP_CONF_DIR/hadoop-env.sh"
    set -eu
  fi
  [ -z "$level" ] || HADOOP_ROOT_LOGGER=$level,console
  REST=("$@")
}

# shellcheck disable=SC2034  # used by `hdfs` and `hadoop`
class_path() {
  CLASSPATH="$HADOOP_CONF_DIR:$share/common/lib/*:$share/common/*:$share/hdfs:$share/hdfs/*"
  if [ -n "${HADOOP_CLASSPATH:-}" ]; then
    if [ -n "${HADOOP_USER_CLASSPATH_FIRST:-}" ]; then
      CLASSPATH=$HADOOP_CLASSPATH:$CLASSPATH
    else
      CLASSPATH=$CLASSPATH:$HADOOP_CLASSPATH
    fi
  fi
  export CLASSPATH
}

heap() { # a size of HADOOP_HEAPSIZE_*: a bare number is MiB
  case $1 in
  *[!0-9]*) echo "$1" ;;
  *) echo "$1m" ;;
  esac
}

# run NAME CLASS ARGUMENT...: becomes the JVM. SUBCOMMAND_OPTS holds the options for this command.
run() {
  local name=$1 main=$2 java=${JAVA_HOME:+$JAVA_HOME/bin/}java opts
  shift 2
  # Hadoop 3.4 is made for Java 8 and 11; 17 closes what it reaches into.
  opts="--add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.net=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED"
  opts="$opts --add-opens=java.base/java.io=ALL-UNNAMED --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/sun.nio.ch=ALL-UNNAMED"
  opts="$opts -Dproc_$name -Djava.net.preferIPv4Stack=true ${HADOOP_OPTS:-} ${SUBCOMMAND_OPTS:-}"
  # As there: an -Xmx in the options wins over the variable.
  case " $opts" in
  *' -Xmx'*) ;;
  *) [ -z "${HADOOP_HEAPSIZE_MAX:-${HADOOP_HEAPSIZE:-}}" ] || opts="$opts -Xmx$(heap "${HADOOP_HEAPSIZE_MAX:-${HADOOP_HEAPSIZE:-}}")" ;;
  esac
  case " $opts" in
  *' -Xms'*) ;;
  *) [ -z "${HADOOP_HEAPSIZE_MIN:-}" ] || opts="$opts -Xms$(heap "$HADOOP_HEAPSIZE_MIN")" ;;
  esac
  opts="$opts -Dhadoop.log.dir=${HADOOP_LOG_DIR:-$HADOOP_HOME/logs} -Dhadoop.log.file=${HADOOP_LOGFILE:-hadoop.log} -Dhadoop.home.dir=$HADOOP_HOME"
  opts="$opts -Dhadoop.id.str=${HADOOP_IDENT_STRING:-$(id -un 2>/dev/null || id -u)} -Dhadoop.root.logger=${HADOOP_ROOT_LOGGER:-INFO,console}"
  opts="$opts -Dhadoop.policy.file=${HADOOP_POLICYFILE:-hadoop-policy.xml} -Dhadoop.security.logger=${HADOOP_SECURITY_LOGGER:-INFO,NullAppender}"
  class_path
  set -f # options are split at spaces, as there, but never taken for file names
  # shellcheck disable=SC2086
  exec "$java" $opts "$main" "$@"
}
