# shellcheck shell=bash
# Jars from Maven, by pinned poms. Expects CACHE, IMAGES and common.sh.

DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

# The local repository is the cache's own, so that nothing on this machine can stand in for what is pinned.
# --strict-checksums: a jar whose checksum differs from the repository's is an error, not a warning.
maven() { # TITLE ARGUMENTS...
  local title=$1
  shift
  heartbeat "$title" "$CACHE/logs/maven.log" mvn --batch-mode --no-transfer-progress -Dstyle.color=never --strict-checksums \
    -Dmaven.repo.local="$CACHE/maven" -Daether.connector.http.retryHandler.count=3 "$@"
}

# maven_copy POM TO: the jars of a pom and of all that they need, checked against `jars.sha256` beside the pom if there.
maven_copy() {
  local pom=$1 to=$2 sums
  maven "jars of $(basename "$(dirname "$pom")") from Maven" -f "$pom" "$DEPENDENCY_PLUGIN:copy-dependencies" \
    -DoutputDirectory="$to" -DincludeScope=runtime ||
    die "failed to fetch the jars of $pom from Maven (log above)" "mvn -f $pom $DEPENDENCY_PLUGIN:resolve"
  chmod 0644 "$to"/*.jar
  sums=$(dirname "$pom")/jars.sha256
  [ -f "$sums" ] || return 0
  if ! diff <(cd "$to" && LC_ALL=C sha256sum -- *.jar) "$sums" >"$CACHE/logs/jars.diff"; then
    sed 's/^/  | /' "$CACHE/logs/jars.diff" >&2
    die "the jars of $pom are not those of $sums (differences above)" \
      "if the pom was changed on purpose: (cd JARS && LC_ALL=C sha256sum -- *.jar) > $sums"
  fi
}
