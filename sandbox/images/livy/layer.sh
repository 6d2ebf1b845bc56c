# shellcheck shell=bash
# Livy's server, on top of Spark (whose spark-submit it calls). Where it comes from: livy_origin.

LIVY_VERSION=0.9.0-incubating
LIVY_FALLBACK=0.7.1-incubating

# Sets LIVY_FROM (dist, 0.9.0-incubating or 0.7.1-incubating from Maven) and LIVY_KEY, which stands for the contents.
livy_origin() {
  LIVY_KEY=$(digest_of "$IMAGE_SOURCES/livy" "$IMAGE_SOURCES/lib/maven.sh" "$IMAGE_SOURCES/../maven")
  if [ -n "${WINDLASS_LIVY_DIST:-}" ]; then
    [ -e "$WINDLASS_LIVY_DIST" ] || die "WINDLASS_LIVY_DIST=$WINDLASS_LIVY_DIST does not exist" \
      "name a folder or a release archive of Livy, or unset it to take Livy from Maven"
    LIVY_FROM=dist
    LIVY_KEY=$(printf '%s\n' "$LIVY_KEY" "$(digest_of "$WINDLASS_LIVY_DIST")" | sha256sum | cut -c1-16)
    return
  fi
  LIVY_FROM=$(livy_on_maven)
  LIVY_KEY=$(printf '%s\n' "$LIVY_KEY" "$LIVY_FROM" | sha256sum | cut -c1-16)
}

# Which of the two versions the registry has. Asked once a day, so that the cached case needs no network.
livy_on_maven() {
  local known=$IMAGES/livy-on-maven log=$CACHE/logs/maven.log
  if [ -z "$(find "$known" -mmin -1440 2>/dev/null)" ]; then
    if maven "asking Maven for Livy $LIVY_VERSION" -U "$DEPENDENCY_PLUGIN:get" \
      "-Dartifact=org.apache.livy:livy-server:$LIVY_VERSION" -Dtransitive=false 2>/dev/null; then
      publish "$known" <<<"$LIVY_VERSION"
    elif grep -qE 'Could not find artifact|was not found in' "$log"; then
      publish "$known" <<<"$LIVY_FALLBACK"
    elif [ ! -f "$known" ]; then
      tail -n 5 "$log" | sed 's/^/  | /' >&2
      die "failed to ask Maven for Livy $LIVY_VERSION (log above)" "set WINDLASS_LIVY_DIST to a folder or release archive of Livy"
    fi
  fi
  if [ "$(cat "$known")" = "$LIVY_FALLBACK" ]; then
    say "Maven has no Livy $LIVY_VERSION: taking $LIVY_FALLBACK, without interactive sessions or recovery; WINDLASS_LIVY_DIST names another"
  fi
  cat "$known"
}

livy_layer() { # ROOT
  local root=$1 home=$1/opt/livy tmp
  mkdir -p "$home"
  tmp=$(mktemp -d "$IMAGES/tmp.XXXXXX")
  case $LIVY_FROM in
  dist) livy_dist "$WINDLASS_LIVY_DIST" "$home" "$tmp" ;;
  "$LIVY_VERSION") livy_maven_new "$home" "$tmp" ;;
  *) livy_maven_old "$home" ;;
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

# livy_dist FROM HOME TMP: an unpacked distribution, a release archive, or jars with dependencies.txt.
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
  if [ -f "$from/SHA256SUMS" ]; then
    (cd "$from" && sha256sum --check --quiet --strict SHA256SUMS) >&2 ||
      die "WINDLASS_LIVY_DIST=$from: files differ from its SHA256SUMS (above)"
  fi
  # An archive holds one folder with everything in it.
  found=$(find "$from" -maxdepth 2 -name 'livy-server-*.jar' -path '*/jars/*' -printf '%h\n' -quit)
  [ -n "$found" ] || found=$(find "$from" -maxdepth 3 -name 'livy-server-*.jar' -path '*/jars/*' -printf '%h\n' -quit)
  if [ -n "$found" ]; then
    cp -R "$(dirname "$found")/." "$home"
  elif [ -f "$from/dependencies.txt" ] && compgen -G "$from/livy-server-*.jar" >/dev/null; then
    livy_assemble "$from" "$from/dependencies.txt" "$home" "$tmp"
  else
    die "WINDLASS_LIVY_DIST=$1 holds neither jars/livy-server-*.jar nor livy-server-*.jar with dependencies.txt" \
      "name an unpacked distribution, a release archive, or such a folder"
  fi
}

# livy_assemble JARS LIST HOME TMP: the folders of a distribution from Livy's own jars and a list of the others.
livy_assemble() {
  local jars=$1 list=$2 home=$3 tmp=$4 odd folder
  odd=$(grep -vE '^((jars|rsc-jars|repl_[0-9.]+-jars) [^ ]+)?$' "$list" | head -n 1) || true
  [ -z "$odd" ] || die "$list: \"$odd\" is not a line FOLDER COORDINATE with one of the folders jars, rsc-jars, repl_*-jars"
  sed -n "s#^[a-z]#$home/&#p" "$list" >"$tmp/list"
  maven_fetch "$tmp" <"$tmp/list"
  cp "$jars"/livy-{server,core_*,client-common,rsc,api}-*.jar "$home/jars/"
  cp "$jars"/livy-{rsc,api}-*.jar "$home/rsc-jars/"
  for folder in "$home"/repl_*-jars; do
    cp "$jars"/livy-{repl,core}_*.jar "$folder/"
  done
}

livy_maven_new() { # HOME TMP
  local artifact
  for artifact in livy-server livy-core_2.12 livy-client-common livy-rsc livy-api livy-repl_2.12; do
    echo "$2/own org.apache.livy:$artifact:jar:$LIVY_VERSION"
  done >"$2/own.list"
  maven_fetch "$2" <"$2/own.list"
  livy_assemble "$2/own" "$IMAGE_SOURCES/../maven/livy-$LIVY_VERSION/dependencies.txt" "$1" "$2"
}

livy_maven_old() { # HOME
  mkdir -p "$1/jars" "$1/rsc-jars"
  maven_copy "$IMAGE_SOURCES/../maven/livy-$LIVY_FALLBACK/pom.xml" "$1/jars"
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
