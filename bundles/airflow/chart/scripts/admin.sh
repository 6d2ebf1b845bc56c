# Makes the admin user, or gives it the password of the Secret. Passwords come by stdin: without a terminal, Airflow's
# getpass reads there, and printf is the shell's own, so that none is in a command line.
set -euo pipefail
# As database.py does: a Job that is given the certificate authority as a variable has it where the URL looks for it.
if [ -n "${CA:-}" ]; then printf '%s\n' "$CA" >/etc/windlass/postgresql/ca.crt; fi
twice() { printf '%s\n%s\n' "$ADMIN_PASSWORD" "$ADMIN_PASSWORD"; }
# Where the user is there already this changes nothing, and ends well.
twice | airflow users create --username "$ADMIN_USER" --email "${ADMIN_EMAIL:-admin@example.com}" --firstname Admin --lastname Admin --role Admin
twice | airflow users reset-password --username "$ADMIN_USER"
