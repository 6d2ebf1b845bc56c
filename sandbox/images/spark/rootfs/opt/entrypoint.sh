#!/bin/bash
# Entrypoint of the stand-in for apache/spark: `driver` and `executor` as Spark on Kubernetes calls them, or any command.
set -eo pipefail

SPARK_HOME=${SPARK_HOME:-/opt/spark}
JAVA_HOME=${JAVA_HOME:-/usr/lib/jvm/java-17}

# A uid without a name (OpenShift gives such) makes Hadoop's login fail: lend it one.
lend_name() {
  local library
  getent passwd "$(id -u)" >/dev/null && return
  for library in /usr/lib/*/libnss_wrapper.so /usr/lib/libnss_wrapper.so; do
    [ -s "$library" ] || continue
    NSS_WRAPPER_PASSWD=$(mktemp) && NSS_WRAPPER_GROUP=$(mktemp)
    printf 'spark:x:%s:%s:%s:%s:/bin/false\n' "$(id -u)" "$(id -g)" "${SPARK_USER_NAME:-anonymous uid}" "$SPARK_HOME" >"$NSS_WRAPPER_PASSWD"
    printf 'spark:x:%s:\n' "$(id -g)" >"$NSS_WRAPPER_GROUP"
    export LD_PRELOAD=$library NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
    return
  done
}

# In the official order: configuration, Hadoop's configuration, what was set before, Spark's jars, extra, the folder we are in.
path="${SPARK_CLASSPATH:-}:$SPARK_HOME/jars/*"
[ -z "${SPARK_EXTRA_CLASSPATH:-}" ] || path=$path:$SPARK_EXTRA_CLASSPATH
if [ -n "${HADOOP_HOME:-}" ] && [ -z "${SPARK_DIST_CLASSPATH:-}" ]; then
  SPARK_DIST_CLASSPATH=$("$HADOOP_HOME/bin/hadoop" classpath)
  export SPARK_DIST_CLASSPATH
fi
[ -z "${HADOOP_CONF_DIR+set}" ] || path=$HADOOP_CONF_DIR:$path
path=${SPARK_CONF_DIR:-$SPARK_HOME/conf}:$path:$PWD

case ${1:-} in
driver)
  shift
  lend_name
  exec /usr/bin/tini -s -- "$SPARK_HOME/bin/spark-submit" \
    --conf "spark.driver.bindAddress=$SPARK_DRIVER_BIND_ADDRESS" \
    --conf "spark.executorEnv.SPARK_DRIVER_POD_IP=$SPARK_DRIVER_BIND_ADDRESS" \
    --deploy-mode client "$@"
  ;;
executor)
  shift
  lend_name
  # The driver numbers the executors' JVM options: SPARK_JAVA_OPT_0, …_10. Each is one argument, whatever it holds.
  options=()
  for ((i = 0; ; i++)); do
    name=SPARK_JAVA_OPT_$i
    [ -n "${!name+set}" ] || break
    options+=("${!name}")
  done
  exec /usr/bin/tini -s -- "$JAVA_HOME/bin/java" "${options[@]}" "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" \
    -cp "$path:${SPARK_DIST_CLASSPATH:-}" org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
    --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES" \
    --app-id "$SPARK_APPLICATION_ID" --hostname "$SPARK_EXECUTOR_POD_IP" \
    --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"
  ;;
*) exec "$@" ;;
esac
