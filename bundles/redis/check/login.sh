# shellcheck shell=sh
# Whether the Secret opens Redis, and nothing else does. OWN is set where the server is ours.
set -eu
# shellcheck source=bundles/redis/check/common.sh
. "${0%/*}/common.sh"

if ! connect; then
  case $said in
    *NOAUTH* | *WRONGPASS* | *'invalid password'*)
      if [ -z "$OWN" ]; then
        finding "$server refuses the password of $NAME.password: put the right one where that answer says"
      fi
      finding "$server refuses the password in Secret $POD_NAMESPACE/$SECRET: it began with an earlier one; run: kubectl -n $POD_NAMESPACE rollout restart deployment/$DEPLOYMENT" ;;
    *) explain ;;
  esac
fi
if [ -n "$OWN" ]; then
  without=$(unset REDISCLI_AUTH; cli ping)
  case $without in
    *NOAUTH*) ;;
    *) finding "$server answers without a password: $without" ;;
  esac
else
  written=$(cli -n "$DATABASE" set windlass:check 1 EX 5)
  if [ "$written" != OK ]; then
    finding "$server takes nothing: $written; name the primary in $NAME.host, and a login that may write"
  fi
fi
version=$(cli info server | tr -d '\r' | sed -n 's/^redis_version://p')
echo "logged in: Redis ${version:-of an unknown version} at $HOST:$PORT"
