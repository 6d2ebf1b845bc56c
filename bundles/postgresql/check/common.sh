# shellcheck shell=sh
# What the scripts here share. libpq reads PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD and PGSSLMODE by itself; NAME is
# the component's, before the names of its answers.
export LC_ALL=C PGCONNECT_TIMEOUT=10 PGAPPNAME=windlass
server="PostgreSQL at $PGHOST:$PGPORT"
scratch=${TMPDIR:-/tmp}
if [ -n "${CA:-}" ] && [ "$PGSSLMODE" != disable ]; then
  printf '%s\n' "$CA" > "$scratch/ca.crt"
  export PGSSLROOTCERT="$scratch/ca.crt"
fi

finding() {
  echo "$*"
  exit 1
}

# ask SQL [options of psql]: prints what it answers, fields separated by |. What went wrong is in the file `said`.
ask() {
  sql=$1
  shift
  if printf '%s\n' "$sql" | psql -X -w -q -A -t -v ON_ERROR_STOP=1 "$@" > "$scratch/answer" 2> "$scratch/said"; then
    cat "$scratch/answer"
  else
    return 1
  fi
}

# Whether one gets in. What may pass is tried again for half a minute: a new pod is not everywhere known at once.
connect() {
  until=$(($(date +%s) + ${PATIENCE:-30}))
  while ! ask 'SELECT 1' > "$scratch/connected"; do
    said=$(cat "$scratch/said")
    case $said in
      *refused* | *'timeout expired'* | *'could not translate host name'* | *'No route to host'* | *unreachable* | *'starting up'*) ;;
      *) return 1 ;;
    esac
    if [ "$(date +%s)" -ge "$until" ]; then return 1; fi
    sleep 1
  done
}

# Why nobody gets in, in one sentence with what to do; what only the caller can explain is left to it.
explain() {
  said=$(cat "$scratch/said")
  case $said in
    *'could not translate host name'*)
      finding "the name $PGHOST resolves to nothing in this cluster: correct $NAME.host, or see to the cluster's DNS" ;;
    *'Connection refused'*)
      finding "$server: nothing listens there; correct $NAME.host or $NAME.port, or have the server listen on that address (listen_addresses)" ;;
    *'timeout expired'* | *'No route to host'* | *unreachable*)
      finding "$server does not answer from namespace $POD_NAMESPACE: correct $NAME.host or $NAME.port, or let the cluster's nodes and pods through the firewall" ;;
    *'starting up'* | *'shutting down'*)
      finding "$server is starting or stopping, and lets nobody in: run the same command again later" ;;
    *'server does not support SSL'*)
      finding "$server speaks no TLS, and $NAME.tls is $PGSSLMODE: switch it on there (ssl = on), or set $NAME.tls=disable" ;;
    *'could not read root certificate file'*)
      finding "$NAME.ca holds no certificate as PEM: name the Secret or file with the certificate of the authority" ;;
    *'certificate verify failed'*)
      finding "the certificate of $server is not signed by the authority in $NAME.ca, or has expired: give the authority's certificate that signed it" ;;
    *'does not match host name'*)
      finding "the certificate of $server is for another name: use the name that is in it as $NAME.host, or set $NAME.tls=verify-ca" ;;
    *pg_hba.conf*'no encryption'*)
      finding "$server lets $PGUSER into $PGDATABASE from this cluster with TLS at most: set $NAME.tls=require or stricter, or add a line to its pg_hba.conf" ;;
    *pg_hba.conf*)
      finding "$server does not let $PGUSER into $PGDATABASE from this cluster: add a line to its pg_hba.conf, such as: hostssl $PGDATABASE $PGUSER all scram-sha-256" ;;
    *'too many c'* | *'connection slots are reserved'*)
      finding "$server has no connection left: raise max_connections there, or the limit of the role or database, or close some" ;;
    *'is not permitted to log in'*)
      finding "$server has a role $PGUSER that may not log in: run there as an administrator: ALTER ROLE \"$PGUSER\" LOGIN" ;;
    *)
      finding "$server lets nobody in: $(printf '%s' "$said" | tr '\n' ' ')" ;;
  esac
}
