# shellcheck shell=sh
# Before PostgreSQL starts. An empty volume gets a cluster of databases, which is made aside and put in its place when it is
# whole, so that a start that was killed leaves nothing half made. Data of another major version are left as they are.
set -eu
root=${PGDATA%/*}

# 15 of `postgres (PostgreSQL) 15.14 (Debian …)`, 9.6 of `postgres (PostgreSQL) 9.6.24`.
major=$(postgres --version | sed -E 's/^[^0-9]*//; s/^(9\.[0-9]+|[0-9]+).*/\1/')

if [ -s "$PGDATA/PG_VERSION" ]; then
  found=$(cat "$PGDATA/PG_VERSION")
  if [ "$found" != "$major" ]; then
    echo "claim $CLAIM holds data of PostgreSQL $found, and the image $IMAGE is PostgreSQL $major, which cannot read them. nothing was changed. go back to an image of $found (the answer image_tag), or bring the data over: with an image of $found, pg_dump them; delete the claim; with this one, restore them" >&2
    exit 1
  fi
  # A storage driver that gives files to the pod's group opens the folder to it, and PostgreSQL refuses such a folder.
  chmod 0700 "$PGDATA"
  echo "claim $CLAIM holds data of PostgreSQL $found"
  exit 0
fi
if [ -e "$PGDATA" ] && [ -n "$(ls -A "$PGDATA")" ]; then
  echo "claim $CLAIM holds $PGDATA, which is not empty and has no PG_VERSION: it is damaged or not PostgreSQL's. nothing was changed. restore it from a copy, or delete the claim to begin with an empty database" >&2
  exit 1
fi

new=$root/.new
rm -rf "$new"
echo "claim $CLAIM is empty: making a cluster of PostgreSQL $major"
# By the pod's own socket whoever is in the pod gets in, which fixes a lost password; by TCP nobody does without one.
initdb -D "$new" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C.UTF-8 \
  --data-checksums --auth-local=trust --auth-host=scram-sha-256 > /dev/null
echo "host all all all scram-sha-256" >> "$new/pg_hba.conf"
if [ "$POSTGRES_DB" != postgres ]; then
  echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$new" -c exit_on_error=true postgres > /dev/null
fi
if [ -e "$PGDATA" ]; then rmdir "$PGDATA"; fi
mv "$new" "$PGDATA"
sync
echo "made, with database $POSTGRES_DB of user $POSTGRES_USER"
