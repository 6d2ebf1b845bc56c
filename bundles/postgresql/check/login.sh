# shellcheck shell=sh
# Whether the Secret opens the database. OWN is set where the server is ours; with `create` a database that is missing on it
# is made, as after another answer for its name.
set -eu
# shellcheck source=bundles/postgresql/check/common.sh
. "${0%/*}/common.sh"

if ! connect; then
  case $said in
    *'password authentication failed'*)
      if [ -z "$OWN" ]; then
        finding "$server refuses user $PGUSER with what Secret $POD_NAMESPACE/$SECRET holds: put the right password where $NAME.password says, then install again"
      fi
      finding "$server refuses user $PGUSER with what Secret $POD_NAMESPACE/$SECRET holds: its volume was made with another password or another user, and a Secret that changes does not change it. if the Secret should count, run: kubectl -n $POD_NAMESPACE exec $POD -c postgresql -- sh /scripts/take-password.sh   if the old password is known, put it back: kubectl -n $POD_NAMESPACE edit secret $SECRET   (in base64). then install again" ;;
    *'database "'*'does not exist'*)
      if [ -z "$OWN" ] || [ "${1:-}" != create ]; then
        finding "$server has no database $PGDATABASE: run as an administrator: CREATE DATABASE \"$PGDATABASE\" OWNER \"$PGUSER\" ENCODING 'UTF8' TEMPLATE template0"
      fi
      ask 'CREATE DATABASE :"name" TEMPLATE template0' -v name="$PGDATABASE" -d postgres || explain
      echo "database $PGDATABASE was not there: made" ;;
    *refused* | *'timeout expired'* | *'No route to host'* | *unreachable*)
      if [ -n "$OWN" ]; then
        finding "$server does not answer from its own namespace: kubectl -n $POD_NAMESPACE describe pod $POD   says how it is, and network policies that are not ours may close it"
      fi
      explain ;;
    *) explain ;;
  esac
fi
found=$(ask "SELECT current_setting('server_encoding'), split_part(current_setting('server_version'), ' ', 1)") || explain
if [ "${found%%|*}" != UTF8 ]; then
  finding "database $PGDATABASE of $server is in ${found%%|*}, and texts need UTF8"
fi
echo "logged in: PostgreSQL ${found#*|} at $PGHOST:$PGPORT, database $PGDATABASE, UTF8"
