# shellcheck shell=sh
# Whether a server of others can be used, tried from inside the cluster before anything is installed. The first thing that
# is wrong ends it, in one sentence.
set -eu
# shellcheck source=bundles/postgresql/check/common.sh
. "${0%/*}/common.sh"

if ! connect; then
  case $said in
    *'password authentication failed'* | *'no password supplied'*)
      finding "$server refuses user $PGUSER with the password of $NAME.password: put the right one where that answer says, or run there as an administrator: \\password \"$PGUSER\"" ;;
    *'role "'*'does not exist'*)
      finding "$server has no role $PGUSER: run there as an administrator: CREATE ROLE \"$PGUSER\" LOGIN, then \\password \"$PGUSER\"" ;;
    *'database "'*'does not exist'*)
      finding "$server has no database $PGDATABASE: run there as an administrator: CREATE DATABASE \"$PGDATABASE\" OWNER \"$PGUSER\" ENCODING 'UTF8' TEMPLATE template0" ;;
    *'permission denied for database'*)
      finding "$server does not let $PGUSER connect to $PGDATABASE: run there as an administrator: GRANT CONNECT ON DATABASE \"$PGDATABASE\" TO \"$PGUSER\"" ;;
    *) explain ;;
  esac
fi

encoding=$(ask 'SHOW server_encoding') || explain
if [ "$encoding" != UTF8 ]; then
  finding "database $PGDATABASE of $server is in $encoding, and texts need UTF8: make another as an administrator: CREATE DATABASE name OWNER \"$PGUSER\" ENCODING 'UTF8' TEMPLATE template0; and name it in $NAME.database"
fi

# Made for real and taken back: rights, a schema to make it in, and a server that may be written to.
if ! ask 'BEGIN; CREATE TABLE windlass_check (a int); INSERT INTO windlass_check VALUES (1); ROLLBACK' > "$scratch/made"; then
  said=$(cat "$scratch/said")
  case $said in
    *'permission denied for schema'* | *'no schema has been selected'*)
      schema=$(ask "SELECT coalesce(current_schema(), 'public')") || schema=public
      finding "$PGUSER may make no tables in schema $schema of database $PGDATABASE of $server: run there as its owner: GRANT USAGE, CREATE ON SCHEMA \"$schema\" TO \"$PGUSER\"" ;;
    *'read-only transaction'*)
      finding "$server can only be read from: name the primary in $NAME.host" ;;
    *) explain ;;
  esac
fi

# Sessions of the same user in this database are those that are counted in CONNECTIONS. Background processes have no database.
free=$(ask "
  WITH s AS (
    SELECT count(*) AS used, count(*) FILTER (WHERE usename = current_user) AS of_role,
      count(*) FILTER (WHERE datname = current_database()) AS of_database
    FROM pg_stat_activity
    WHERE datid IS NOT NULL AND NOT (usename = current_user AND datname = current_database())
      AND coalesce(backend_type, 'client backend') = 'client backend'
  ), l AS (
    SELECT current_setting('max_connections')::int
      - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true), '0')::int - used AS server,
      (SELECT CASE WHEN rolconnlimit < 0 THEN 1000000 ELSE rolconnlimit END FROM pg_roles WHERE rolname = current_user) - of_role AS role,
      (SELECT CASE WHEN datconnlimit < 0 THEN 1000000 ELSE datconnlimit END FROM pg_database WHERE datname = current_database()) - of_database AS database
    FROM s
  )
  SELECT least(server, role, database), CASE WHEN server <= role AND server <= database THEN 'max_connections there'
    WHEN role <= database THEN 'the connection limit of role ' || current_user ELSE 'the connection limit of database ' || current_database() END
  FROM l") || explain
if [ "${free%%|*}" -lt "$CONNECTIONS" ]; then
  finding "$server has ${free%%|*} connections left for $PGUSER, and $CONNECTIONS will be opened ($NAME.connections): raise ${free#*|}, or lower $NAME.connections and what opens them"
fi

version=$(ask "SELECT split_part(current_setting('server_version'), ' ', 1)") || explain
echo "checked: PostgreSQL $version at $PGHOST:$PGPORT, database $PGDATABASE, $encoding, ${free%%|*} connections free"
