# shellcheck shell=bash
# Whether a JournalNode has what was written. One that was away gets nothing until the next segment of edits begins; as
# long as it is behind, no other may be taken away.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
if ! timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8485' 2>/dev/null; then
  echo "the JournalNode does not answer"
  exit 1
fi
behind=$(field CurrentLagTxns "$(ask 127.0.0.1 8480 "Hadoop:service=JournalNode,name=Journal-$NAMESERVICE")")
if [ "${behind:-0}" -gt 0 ]; then
  echo "the JournalNode is $behind transactions behind; it has them when the next segment of edits begins, within a minute or two"
  exit 1
fi
