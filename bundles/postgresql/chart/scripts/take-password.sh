# shellcheck shell=sh
# Has the database take the Secret's password, for whoever knows no old one: the pod's own socket asks for none.
#   kubectl -n NAMESPACE exec POD -c postgresql -- sh /scripts/take-password.sh
set -eu
password=$(cat "$POSTGRES_PASSWORD_FILE")
# psql sends a hash, and reads the password twice.
printf '%s\n%s\n' "$password" "$password" |
  psql -q -h /var/run/postgresql -U "$POSTGRES_USER" -d postgres -v ON_ERROR_STOP=1 -c "\\password \"$POSTGRES_USER\"" 2> /tmp/said ||
  { cat /tmp/said >&2; exit 1; }
echo "the password of $POSTGRES_USER is now the one of the Secret"
