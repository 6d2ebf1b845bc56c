# shellcheck shell=bash
# Whether a JournalNode takes part. One that was away gets nothing until the next segment of edits begins, within a minute
# or two; until then no other may be taken away, or the active NameNode could write to one alone, and would end.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
data=${DATA:-/data}
if ! timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/${RPC_PORT:-8485}" 2>/dev/null; then
  echo "the JournalNode does not answer"
  exit 1
fi
answer=$(ask "127.0.0.1:${PORT:-8480}" "Hadoop:service=JournalNode,name=Journal-$NAMESERVICE")
last=$(field LastJournalTimestamp "$answer") behind=$(field CurrentLagTxns "$answer")
# Of one that nobody has asked for anything since it started there is no bean, but whom it promised to write is on its
# volume; or it has joined others, and has promised nothing yet.
epoch=$(cat "$data/journal/$NAMESERVICE/current/last-promised-epoch" 2>/dev/null || true)
if [ "${last:-0}" = 0 ] && { [ "${epoch:-0}" != 0 ] || compgen -G "$data/.join-*" >/dev/null; }; then
  echo "no NameNode has written to this JournalNode since it started; one does when the next segment of edits begins"
  exit 1
elif [ "${behind:-0}" -gt 0 ]; then
  echo "this JournalNode is $behind transactions behind; it gets them when the next segment of edits begins"
  exit 1
fi
