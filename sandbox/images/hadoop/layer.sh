# shellcheck shell=bash
# Hadoop's HDFS in the layout of the release archive, so that paths are those of apache/hadoop.

# shellcheck disable=SC2034  # for `build`
HADOOP_VERSION=3.4.1
# What HDFS is upgraded to by a test.
# shellcheck disable=SC2034  # for `build`
HADOOP_LATER=3.4.2

# hadoop_layer VERSION POM BASE ROOT
hadoop_layer() {
  local version=$1 pom=$2 base=$3 root=$4 share=$4/opt/hadoop/share/hadoop accounts jar
  cp -R "$IMAGE_SOURCES/hadoop/rootfs/." "$root"
  mkdir -p "$share/common/lib" "$share/hdfs" "$root/tmp.jars"
  maven_copy "$pom" "$root/tmp.jars"
  (cd "$root/tmp.jars" && unzip -q "hadoop-hdfs-$version-tests.jar" 'webapps/*' -d "$share/hdfs" && rm "hadoop-hdfs-$version-tests.jar")
  for jar in "$root"/tmp.jars/*.jar; do
    case ${jar##*/} in
    hadoop-hdfs-*) mv "$jar" "$share/hdfs/" ;;
    hadoop-common-*) mv "$jar" "$share/common/" ;;
    *) mv "$jar" "$share/common/lib/" ;;
    esac
  done
  rmdir "$root/tmp.jars"
  [ -d "$share/hdfs/webapps/hdfs" ] || die "the tests jar of hadoop-hdfs $version holds no webapps/hdfs"

  mkdir -p "$root/etc" "$root/usr/local/bin" "$root/data" "$root/var/log/hadoop"
  ln -s ../../bin/dumb-init "$root/usr/local/bin/dumb-init"
  accounts=$(unpacked "$base" ./etc/passwd ./etc/group)
  { cat "$accounts/etc/passwd" && echo 'hadoop:x:1000:100::/opt/hadoop:/bin/bash'; } >"$root/etc/passwd"
  { cat "$accounts/etc/group" && echo 'hadoop:x:1000:'; } >"$root/etc/group"
  rm -rf "$accounts"
  chmod -R u=rwX,go=rX "$root"
  chmod 0755 "$root"/opt/hadoop/bin/* "$root/opt/starter.sh"
  chmod 1777 "$root/var/log/hadoop" "$root/data"
  chown -R 1000:100 "$root/opt/hadoop" "$root/data"
}

hadoop_config() { # VERSION
  jq -n --arg version "$1" '{
    User: "hadoop",
    WorkingDir: "/opt/hadoop",
    Entrypoint: ["/usr/local/bin/dumb-init", "--", "/opt/starter.sh"],
    Cmd: ["bash"],
    Volumes: {"/data": {}},
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/hadoop/bin", "JAVA_HOME=/usr/lib/jvm/java-17",
      "HADOOP_HOME=/opt/hadoop", "HADOOP_CONF_DIR=/opt/hadoop/etc/hadoop", "HADOOP_LOG_DIR=/var/log/hadoop", "LANG=C.UTF-8"],
    Labels: {"org.opencontainers.image.title": "stand-in for apache/hadoop, made from packages by the windlass sandbox",
      "org.opencontainers.image.version": $version}
  }'
}
