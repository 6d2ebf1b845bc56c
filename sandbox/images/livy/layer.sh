# shellcheck shell=bash
# Livy's server, on top of Spark (whose spark-submit it calls). Where it comes from: livy_origin.

LIVY_ON_MAVEN=0.7.1-incubating

# Sets LIVY_FROM (dist or maven) and LIVY_KEY, which stands for the contents.
livy_origin() {
  LIVY_KEY=$(digest_of "$IMAGE_SOURCES/livy" "$IMAGE_SOURCES/lib/maven.sh" "$IMAGE_SOURCES/../maven/livy-$LIVY_ON_MAVEN")
  LIVY_FROM=maven
  if [ -n "${WINDLASS_LIVY_DIST:-}" ]; then
    [ -e "$WINDLASS_LIVY_DIST" ] || die "WINDLASS_LIVY_DIST=$WINDLASS_LIVY_DIST does not exist" \
      "name a release archive of Livy or an unpacked one, or unset it to take $LIVY_ON_MAVEN from Maven"
    LIVY_FROM=dist
    LIVY_KEY=$(printf '%s\n' "$LIVY_KEY" "$(digest_of "$WINDLASS_LIVY_DIST")" | sha256sum | cut -c1-16)
  else
    say "Livy is Maven's $LIVY_ON_MAVEN: no interactive sessions, no recovery; WINDLASS_LIVY_DIST names a newer release archive"
  fi
}

livy_layer() { # ROOT
  local root=$1 home=$1/opt/livy tmp
  mkdir -p "$home"
  tmp=$(mktemp -d "$IMAGES/tmp.XXXXXX")
  case $LIVY_FROM in
  dist) livy_dist "$WINDLASS_LIVY_DIST" "$home" "$tmp" ;;
  maven) livy_maven "$home" ;;
  esac
  rm -rf "$tmp"
  mkdir -p "$home/bin" "$home/conf" "$home/logs" "$home/rsc-jars"
  # A distribution's own start script stays, as in the image for real clusters.
  [ -e "$home/bin/livy-server" ] || cp "$IMAGE_SOURCES/livy/rootfs/opt/livy/bin/livy-server" "$home/bin/"
  cp "$IMAGE_SOURCES/livy/rootfs/opt/livy/conf/log4j.properties" "$home/conf/"
  chmod -R u=rwX,go=rX "$root"
  chmod 0755 "$home"/bin/*
  chown 185:185 "$home/logs"
}

# livy_dist FROM HOME TMP: a release archive, or one that is unpacked.
livy_dist() {
  local from=$1 home=$2 tmp=$3 found
  if [ -f "$from" ]; then
    mkdir "$tmp/archive"
    case $from in
    *.zip) unzip -q "$from" -d "$tmp/archive" ;;
    *.tar.gz | *.tgz) tar --extract --gzip --file "$from" --directory "$tmp/archive" --no-same-owner ;;
    *) die "WINDLASS_LIVY_DIST=$from is neither .zip nor .tar.gz nor a folder" ;;
    esac || die "failed to unpack WINDLASS_LIVY_DIST=$from" "check the file: is the download complete?"
    from=$tmp/archive
  fi
  # An archive holds one folder with everything in it.
  found=$(find "$from" -maxdepth 3 -name 'livy-server-*.jar' -path '*/jars/*' -printf '%h\n' -quit)
  [ -n "$found" ] || die "WINDLASS_LIVY_DIST=$1 holds no jars/livy-server-*.jar" \
    "name a release archive of Livy (.zip, .tar.gz), or the folder that it unpacks to"
  cp -R "$(dirname "$found")/." "$home"
}

livy_maven() { # HOME
  mkdir -p "$1/jars" "$1/rsc-jars"
  maven_copy "$IMAGE_SOURCES/../maven/livy-$LIVY_ON_MAVEN/pom.xml" "$1/jars"
  cp "$1"/jars/livy-{api,rsc}-*.jar "$1"/jars/netty-all-*.jar "$1"/jars/kryo-*.jar "$1/rsc-jars/"
}

# The version that a built layer holds, from the server's jar.
livy_version() { # LAYER
  local jar
  jar=$(tar --list --file "$1/layer.tar" | grep -oE '/jars/livy-server-[^/]*\.jar$') || die "the Livy that was built holds no livy-server jar"
  jar=${jar##*/livy-server-}
  echo "${jar%.jar}"
}

livy_config() { # VERSION
  local package opens=
  # As bundles/livy/image does: a distribution's own start script adds none of what sessions need on Java 17.
  for package in lang lang.invoke lang.reflect io net nio util util.concurrent util.concurrent.atomic; do
    opens="$opens${opens:+ }--add-opens=java.base/java.$package=ALL-UNNAMED"
  done
  jq -cn --arg version "$1" --arg opens "$opens" '{
    User: "185:185",
    WorkingDir: "/opt/livy",
    Entrypoint: ["/usr/bin/tini", "--", "/opt/livy/bin/livy-server"],
    ExposedPorts: {"8998/tcp": {}},
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/livy/bin", "JAVA_HOME=/usr/lib/jvm/java-17",
      "SPARK_HOME=/opt/spark", "LIVY_HOME=/opt/livy", "LIVY_CONF_DIR=/opt/livy/conf",
      "LIVY_SERVER_JAVA_OPTS=\($opens)", "LANG=C.UTF-8"],
    Labels: {"org.opencontainers.image.title": "Apache Livy on Spark, made from packages by the windlass sandbox",
      "org.opencontainers.image.version": $version}
  }'
}
