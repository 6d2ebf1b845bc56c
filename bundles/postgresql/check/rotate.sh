# shellcheck shell=sh
# Has the role take the password NEW, with the login OLD. Ends well where it has it already: a run may have been killed
# after that. No password is in an argument or a statement: psql reads it and sends its hash.
set -eu
# shellcheck source=bundles/postgresql/check/common.sh
. "${0%/*}/common.sh"

export PGPASSWORD="$NEW"
if connect; then
  echo "it counts already"
  exit 0
fi
export PGPASSWORD="$OLD"
if ! connect; then
  case $said in
    *'password authentication failed'*)
      finding "$server refuses user $PGUSER with the old password and with the new one: kubectl -n $POD_NAMESPACE exec $POD -c postgresql -- sh /scripts/take-password.sh has it take the one of the Secret; then rotate again" ;;
    *) explain ;;
  esac
fi
printf '%s\n%s\n' "$NEW" "$NEW" | psql -X -w -q -v ON_ERROR_STOP=1 -c "\\password \"$PGUSER\"" 2> "$scratch/said" || explain
export PGPASSWORD="$NEW"
connect || explain
echo "changed"
