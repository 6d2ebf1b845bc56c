# shellcheck shell=bash
# Spark in the layout of apache/spark, from the package `pyspark`, and the jobs that neither it nor Maven carries.

SPARK_VERSION=3.5.6
SPARK_SCALA=2.12

spark_layer() { # BASE ROOT
  local base=$1 root=$2 tmp accounts home=$2/opt/spark
  # pip alone, without installing: the source archive holds the whole of Spark, and pip checks its checksum.
  tmp=$(mktemp -d "$IMAGES/tmp.XXXXXX")
  heartbeat "pyspark $SPARK_VERSION" "$CACHE/logs/image-spark.log" "$(python_with_pip)" -m pip download --no-deps --no-binary pyspark \
    --require-hashes --no-cache-dir --progress-bar off --dest "$tmp" --requirement "$IMAGE_SOURCES/spark/requirements.txt" ||
    die "failed to download pyspark $SPARK_VERSION (log above)" "python3 -m pip download --no-deps --no-binary :all: pyspark==$SPARK_VERSION"
  mkdir -p "$home/conf" "$home/python/lib" "$home/work-dir"
  tar --extract --gzip --file "$tmp/pyspark-$SPARK_VERSION.tar.gz" --directory "$home" --strip-components=2 --no-same-owner "pyspark-$SPARK_VERSION/deps"
  # Livy looks into python/lib for every session, whatever its language.
  mkdir "$tmp/python"
  tar --extract --gzip --file "$tmp/pyspark-$SPARK_VERSION.tar.gz" --directory "$tmp/python" --strip-components=1 --no-same-owner "pyspark-$SPARK_VERSION/pyspark"
  unzip -q "$tmp"/py4j-*.whl 'py4j/*' -d "$tmp/python"
  zip_of "$tmp/python" '*' "$home/python/lib/pyspark.zip" pyspark
  zip_of "$tmp/python" '*' "$home/python/lib/$(basename "$tmp"/py4j-*.whl | cut -d- -f1,2)-src.zip" py4j
  cp -R "$tmp/python/pyspark" "$home/python/"
  rm -rf "$tmp"
  [ -f "$home/jars/spark-kubernetes_$SPARK_SCALA-$SPARK_VERSION.jar" ] || die "pyspark $SPARK_VERSION holds no spark-kubernetes jar"
  printf 'Spark %s, from the package pyspark\n' "$SPARK_VERSION" >"$home/RELEASE"
  # Windows' launchers and folders that only building the package needs.
  rm -f "$home"/bin/*.cmd
  cp -R "$IMAGE_SOURCES/spark/rootfs/." "$root"

  mkdir -p "$root/etc"
  accounts=$(unpacked "$base" ./etc/passwd ./etc/group)
  { cat "$accounts/etc/passwd" && echo 'spark:x:185:185::/home/spark:/bin/sh'; } >"$root/etc/passwd"
  { cat "$accounts/etc/group" && echo 'spark:x:185:'; } >"$root/etc/group"
  rm -rf "$accounts"
  chmod -R u=rwX,go=rX "$root"
  chmod 0755 "$home"/bin/* "$home"/sbin/* "$root/opt/entrypoint.sh" "$root/opt/decom.sh"
  chmod 0775 "$home/work-dir"
  chown -R 185:185 "$home"
}

# The examples jar that the official image has, with the one class that windlass runs, and the jobs of windlass's own tests.
jobs_layer() { # SPARK ROOT
  local spark=$1 root=$2 jars=$2/opt/spark/examples/jars tmp
  mkdir -p "$jars"
  tmp=$(unpacked "$spark" './opt/spark/jars/spark-*.jar' './opt/spark/jars/scala-library-*.jar' './opt/spark/jars/hadoop-client-*.jar')
  java_jar "$tmp/opt/spark/jars/*" "$IMAGE_SOURCES/spark/examples" "$jars/spark-examples_$SPARK_SCALA-$SPARK_VERSION.jar"
  java_jar "$tmp/opt/spark/jars/*" "$IMAGE_SOURCES/../../tests/jobs" "$jars/windlass-tests.jar"
  rm -rf "$tmp"
  ln -s "spark-examples_$SPARK_SCALA-$SPARK_VERSION.jar" "$jars/spark-examples.jar"
  chown -Rh 185:185 "$root/opt/spark"
}

# java_jar CLASSPATH SOURCES JAR: the same bytes for the same sources and compiler (fixed times, sorted, no manifest).
java_jar() {
  local classes list
  classes=$(mktemp -d "$IMAGES/tmp.XXXXXX")
  list=$(find "$2" -name '*.java' | LC_ALL=C sort)
  # shellcheck disable=SC2086  # a list of files, in paths without spaces (common.sh sees to it)
  javac --release 11 -proc:none -nowarn -classpath "$1" -d "$classes" $list >"$CACHE/logs/javac.log" 2>&1 || {
    sed 's/^/  | /' "$CACHE/logs/javac.log" >&2
    die "failed to compile $2 (above)" "see $CACHE/logs/javac.log"
  }
  zip_of "$classes" '*.class' "$3"
  rm -rf "$classes"
}

# zip_of FOLDER PATTERN ZIP [UNDER]: the same bytes for the same files.
zip_of() {
  find "$1" -exec touch --no-dereference --date="@$EPOCH" {} +
  (cd "$1" && find "${4:-.}" -type f -name "$2" | sed 's#^\./##' | LC_ALL=C sort | TZ=UTC zip -q -X -D "$3" -@)
  chmod 0644 "$3"
}

# A python3 whose pip works: that of PATH, or Debian's.
python_with_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      command -v "$python"
      return
    fi
  done
  die "no python3 with pip, which downloads Spark" "apt-get install python3-pip"
}

# `User` is a name there too: runAsNonRoot needs runAsUser in the pod, here as in production.
# shellcheck disable=SC2034  # for `build`
SPARK_CONFIG='{
  "User": "spark",
  "WorkingDir": "/opt/spark/work-dir",
  "Entrypoint": ["/opt/entrypoint.sh"],
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "JAVA_HOME=/usr/lib/jvm/java-17",
    "SPARK_HOME=/opt/spark", "LANG=C.UTF-8"],
  "Labels": {"org.opencontainers.image.title": "stand-in for apache/spark, made from packages by the windlass sandbox",
    "org.opencontainers.image.version": "3.5.6"}
}'
