# shellcheck shell=bash
# Whether a JournalNode takes part. One that was away gets nothing until the next segment of edits begins, within a minute
# or two; until then no other may be taken away, or the active NameNode could write to one alone, and would end.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
if ! timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8485' 2>/dev/null; then
  echo "the JournalNode does not answer"
  exit 1
fi
answer=$(ask 127.0.0.1:8480 "Hadoop:service=JournalNode,name=Journal-$NAMESERVICE")
epoch=$(field LastPromisedEpoch "$answer") last=$(field LastJournalTimestamp "$answer") behind=$(field CurrentLagTxns "$answer")
if [ "${epoch:-0}" -gt 0 ] && [ "${last:-0}" = 0 ]; then
  echo "no NameNode has written to this JournalNode since it started; one does when the next segment of edits begins"
  exit 1
elif [ "${behind:-0}" -gt 0 ]; then
  echo "this JournalNode is $behind transactions behind; it gets them when the next segment of edits begins"
  exit 1
fi
