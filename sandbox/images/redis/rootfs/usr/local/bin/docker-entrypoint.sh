#!/bin/sh
# The contract of the official image `redis`: options and a configuration file are redis-server's; root becomes redis.
set -eu

case ${1:-} in
'' | -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . \! -user redis -exec chown redis '{}' +
  exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi
# That image is built with the protected mode off, Debian's program with it on. A configuration file says it itself.
if [ "$1" = redis-server ]; then
  case ${2:-} in
  '') set -- redis-server --protected-mode no ;;
  --protected-mode | *.conf | /* | -h | --help | -v | --version | --test-memory | --check-system | -) ;;
  -*) set -- "$@" --protected-mode no ;;
  esac
  umask 0077
fi
exec "$@"
