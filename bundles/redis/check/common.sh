# shellcheck shell=sh
# What the scripts here share. redis-cli reads the password from REDISCLI_AUTH; NAME is the component's, before the names of
# its answers.
server="Redis at $HOST:$PORT"
scratch=${TMPDIR:-/tmp}

finding() {
  echo "$*"
  exit 1
}

# cli COMMAND…: as the answers have it. It ends well with an error for an answer, too, and says it where an answer would be.
cli() {
  case $TLS in
    disable) timeout 8 redis-cli --no-auth-warning -h "$HOST" -p "$PORT" "$@" 2>&1 || true ;;
    require) timeout 8 redis-cli --no-auth-warning -h "$HOST" -p "$PORT" --tls --insecure "$@" 2>&1 || true ;;
    *) printf '%s\n' "$CA" > "$scratch/ca.crt"
      timeout 8 redis-cli --no-auth-warning -h "$HOST" -p "$PORT" --tls --cacert "$scratch/ca.crt" --sni "$HOST" "$@" 2>&1 || true ;;
  esac
}

# Whether one gets in; what it answers is in `said`. A new pod is not everywhere known at once.
connect() {
  until=$(($(date +%s) + ${PATIENCE:-30})) silent=
  while said=$(cli -n "$DATABASE" ping) && [ "$said" != PONG ]; do
    case $said in
      # One that wants TLS, or wants none, leaves the other side waiting.
      '') if [ -n "$silent" ]; then return 1; fi
        silent=yes ;;
      *NOAUTH* | *WRONGPASS* | *'invalid password'* | *'out of range'* | *certificate* | *SSL*) return 1 ;;
    esac
    if [ "$(date +%s)" -ge "$until" ]; then return 1; fi
    sleep 1
  done
}

# Why nobody gets in, in one sentence with what to do.
explain() {
  case $said in
    *'Name or service not known'* | *'name resolution'* | *'not known'*)
      finding "the name $HOST resolves to nothing in this cluster: correct $NAME.host, or see to the cluster's DNS" ;;
    *refused* | *'No route to host'*)
      finding "$server: nothing listens there; correct $NAME.host or $NAME.port" ;;
    *certificate*)
      finding "the certificate of $server is not signed by the authority in $NAME.ca, or has expired: give the authority's certificate that signed it" ;;
    *SSL*)
      finding "$server speaks no TLS, or another than $NAME.tls=$TLS: set $NAME.tls=disable, or switch it on there" ;;
    *'out of range'*)
      finding "$server has no database $DATABASE: lower $NAME.database" ;;
    '' | *'timed out'* | *unreachable*)
      finding "$server does not answer from namespace $POD_NAMESPACE: correct $NAME.host or $NAME.port, see whether it speaks TLS ($NAME.tls), or let the cluster's nodes and pods through the firewall" ;;
    *)
      finding "$server lets nobody in: $(printf '%s' "$said" | tr '\n' ' ')" ;;
  esac
}
