#!/bin/bash
# Entrypoint of the stand-in for apache/hadoop: configuration from the environment, then the command.
set -euo pipefail

# The official entrypoint calls sudo at this place, which cannot work where privileges may not rise. A chart that gets
# through here but not there would be a surprise in production, so this stops as well.
if grep -q '^NoNewPrivs:[[:space:]]*1' /proc/self/status; then
  echo "ERROR: the entrypoint of apache/hadoop uses sudo, which allowPrivilegeEscalation: false forbids: set the container's command, not its args" >&2
  exit 1
fi

escape() {
  local text=${1//&/&amp;}
  text=${text//</&lt;}
  printf '%s' "${text//>/&gt;}"
}

# CORE-SITE.XML_fs.defaultFS=… becomes a property in core-site.xml, LOG4J.PROPERTIES_… a line in log4j.properties.
declare -A files=()
while IFS= read -r -d '' pair; do
  name=${pair%%=*}
  case $name in
  *.XML_?*)
    file=${name%%.XML_*}.XML
    files[${file,,}]+="<property><name>$(escape "${name#*.XML_}")</name><value>$(escape "${pair#*=}")</value></property>"$'\n'
    ;;
  *.PROPERTIES_?*)
    file=${name%%.PROPERTIES_*}.PROPERTIES
    files[${file,,}]+="${name#*.PROPERTIES_}=${pair#*=}"$'\n'
    ;;
  esac
done < <(env -0)
for file in "${!files[@]}"; do
  case $file in
  *.xml) printf '<configuration>\n%s</configuration>\n' "${files[$file]}" ;;
  *) printf '%s' "${files[$file]}" ;;
  esac >"/opt/hadoop/etc/hadoop/$file"
done

[ -z "${SLEEP_SECONDS:-}" ] || sleep "$SLEEP_SECONDS"
if [ -n "${WAITFOR:-}" ]; then
  echo "waiting for $WAITFOR"
  left=${WAITFOR_TIMEOUT:-300}
  until (exec 3<>"/dev/tcp/${WAITFOR%:*}/${WAITFOR##*:}") 2>/dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "ERROR: $WAITFOR did not answer in ${WAITFOR_TIMEOUT:-300} s" >&2 && exit 1; }
    sleep 1
  done
fi
if [ -n "${ENSURE_NAMENODE_DIR:-}" ] && [ ! -d "$ENSURE_NAMENODE_DIR" ]; then
  /opt/hadoop/bin/hdfs namenode -format -force ${ENSURE_NAMENODE_CLUSTERID:+-clusterid "$ENSURE_NAMENODE_CLUSTERID"}
fi
if [ -n "${ENSURE_STANDBY_NAMENODE_DIR:-}" ] && [ ! -d "$ENSURE_STANDBY_NAMENODE_DIR" ]; then
  /opt/hadoop/bin/hdfs namenode -bootstrapStandby
fi
exec "$@"
