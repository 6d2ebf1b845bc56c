# shellcheck shell=bash
# Debian with Python 3.11 and git, and no Java: the layer under what is written in Python, and under git-sync's stand-in.

PYTHON_PACKAGES=ca-certificates,dumb-init,git,netbase,openssh-client,procps,python3,tzdata

python_layer() { # ROOT
  local root=$1
  debian_root python "$PYTHON_PACKAGES" "$root"
  [ -x "$root/usr/bin/python3.11" ] || die "the Python of Debian $DEBIAN_SUITE is not 3.11, for which the wheels are"
  bytecode "$root" /usr/lib/python3.11 /usr/lib/python3
}
