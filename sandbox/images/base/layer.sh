# shellcheck shell=bash
# Debian with a Java runtime: the layer that the images of Hadoop, Spark and Livy share.

# procps, tini and libnss-wrapper are what the Spark image has, dumb-init what the Hadoop image has.
BASE_PACKAGES=ca-certificates,dumb-init,libnss-wrapper,openjdk-17-jre-headless,procps,tini

base_layer() { # ROOT
  local root=$1
  debian_root base "$BASE_PACKAGES" "$root"
  python3 "$IMAGE_SOURCES/base/fixed-cacerts" "$root/etc/ssl/certs/java/cacerts" "$EPOCH" ||
    die "failed to give Java's keystore in the image a fixed date (above)"
  # Independent of the architecture in the name of Debian's folder.
  ln -s "$(basename "$(find "$root/usr/lib/jvm" -maxdepth 1 -type d -name 'java-17-openjdk-*')")" "$root/usr/lib/jvm/java-17"
}
