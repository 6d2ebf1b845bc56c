#!/bin/bash
# The contract of the official image `postgres`: makes the database on an empty PGDATA, then runs what it was given.
#   POSTGRES_PASSWORD, _USER, _DB, _INITDB_ARGS, each also as …_FILE; POSTGRES_HOST_AUTH_METHOD; /docker-entrypoint-initdb.d
set -euo pipefail
shopt -s nullglob

log() { printf '%s docker-entrypoint: %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }
fail() {
  log "error: $*"
  exit 1
}

# from_file NAME [DEFAULT]: NAME's value, or the content of the file that NAME_FILE names.
from_file() {
  local name=$1 file=$1_FILE value=${2:-}
  [ -z "${!name:-}" ] || [ -z "${!file:-}" ] || fail "both $name and $file are set: set one of them"
  if [ -n "${!name:-}" ]; then
    value=${!name}
  elif [ -n "${!file:-}" ]; then
    [ -r "${!file}" ] || fail "$file names ${!file}, which cannot be read by uid $(id -u)"
    value=$(cat "${!file}")
  fi
  unset "$file"
  export "$name=$value"
}

# Folders that cannot be used are said with their owner, which initdb's own message does not.
make_folders() {
  mkdir -p "$PGDATA" || fail "$PGDATA cannot be made by uid $(id -u): the volume belongs to another user; in a pod, set fsGroup"
  chmod 00700 "$PGDATA" 2>/dev/null || log "the mode of $PGDATA is not ours to change"
  [ -w "$PGDATA" ] || fail "$PGDATA belongs to $(stat -c 'uid %u gid %g mode %a' "$PGDATA") and cannot be written by uid $(id -u)"
  mkdir -p /var/run/postgresql 2>/dev/null || true
  [ -w /var/run/postgresql ] || fail "/var/run/postgresql cannot be written by uid $(id -u): mount a volume there where the root file system is read-only"
}

# lent_name: a uid without a name gets one, since initdb wants it.
lent_name() {
  local library=(/usr/lib/*/libnss_wrapper.so)
  ! getent passwd "$(id -u)" >/dev/null || return 0
  NSS_WRAPPER_PASSWD=$(mktemp) NSS_WRAPPER_GROUP=$(mktemp)
  export LD_PRELOAD=${library[0]} NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
  printf 'postgres:x:%s:%s:PostgreSQL:%s:/bin/false\n' "$(id -u)" "$(id -g)" "$PGDATA" >"$NSS_WRAPPER_PASSWD"
  printf 'postgres:x:%s:\n' "$(id -g)" >"$NSS_WRAPPER_GROUP"
}

return_name() {
  [ -z "${NSS_WRAPPER_PASSWD:-}" ] || rm -f "$NSS_WRAPPER_PASSWD" "$NSS_WRAPPER_GROUP"
  unset LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
}

sql() { # ARGUMENT...: psql on the server that listens on its socket only
  psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password -h /var/run/postgresql -U "$POSTGRES_USER" "$@"
}

first_start() {
  local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256} file
  local arguments=()
  if [ "$method" != trust ] && [ -z "$POSTGRES_PASSWORD" ]; then
    fail "$PGDATA holds no database and no password is given: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
  fi
  log "first start: making a database in $PGDATA for the user $POSTGRES_USER"
  # shellcheck disable=SC2206  # a list of words
  arguments=($POSTGRES_INITDB_ARGS)
  [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || arguments+=(--waldir "$POSTGRES_INITDB_WALDIR")
  lent_name
  # As there, who connects from within the container, by the socket or 127.0.0.1, needs no password.
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth=trust "${arguments[@]}" ||
    fail "initdb failed (above)"
  return_name
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -p 5432" start >&2 || fail "the server did not start for the first time (above)"
  if [ "$POSTGRES_DB" != postgres ] && [ -z "$(sql -d postgres -Atq -v name="$POSTGRES_DB" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")" ]; then
    sql -d postgres -q -v name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    log "running $file"
    case $file in
    *.sh)
      # shellcheck source=/dev/null
      if [ -x "$file" ]; then "$file"; else . "$file"; fi
      ;;
    *.sql) sql -d "$POSTGRES_DB" -f "$file" ;;
    *.sql.gz) gunzip -c "$file" | sql -d "$POSTGRES_DB" ;;
    *) log "ignoring $file: its name ends with neither .sh nor .sql nor .sql.gz" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >&2
  log "first start: done"
}

[ $# -gt 0 ] || set -- postgres
case $1 in
-*) set -- postgres "$@" ;;
esac
if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R 999:999 "$PGDATA" /var/run/postgresql
  exec setpriv --reuid=999 --regid=999 --init-groups "$0" "$@"
fi
case " $* " in
*' --help '* | *' --version '* | *' -V '* | *' -C '*) exec "$@" ;;
esac
if [ "$1" = postgres ]; then
  make_folders
  from_file POSTGRES_PASSWORD
  from_file POSTGRES_USER postgres
  from_file POSTGRES_DB "$POSTGRES_USER"
  from_file POSTGRES_INITDB_ARGS
  if [ -s "$PGDATA/PG_VERSION" ]; then
    version=$(cat "$PGDATA/PG_VERSION")
    [ "$version" = "$PG_MAJOR" ] || fail "the data in $PGDATA are PostgreSQL $version's, this image is PostgreSQL $PG_MAJOR: use an image of $version, or dump and restore"
    log "$PGDATA holds a database: POSTGRES_PASSWORD, _USER and _DB have no effect on it"
  else
    left=("$PGDATA"/*)
    case "${left[*]}" in
    '' | "$PGDATA/lost+found") ;;
    *) log "$PGDATA is not empty and holds no whole database (an interrupted first start, or another volume): ${left[*]##*/}" ;;
    esac
    first_start
  fi
  unset POSTGRES_PASSWORD
fi
exec "$@"
