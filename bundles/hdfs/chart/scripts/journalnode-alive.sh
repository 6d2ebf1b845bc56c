# shellcheck shell=bash
# Whether a JournalNode may go on: it answers, and is not empty where it could join the others (journalnode.sh does that).
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
journals "127.0.0.1:${PORT:-8480}"
if [ -n "$silent" ]; then
  echo "the JournalNode does not answer"
  exit 1
elif [ "$empty" = 1 ]; then
  # shellcheck disable=SC2046,SC2086 # words
  journals $(others $JOURNALNODES)
  if may_join; then
    echo "this JournalNode is empty and $formatted others are not: it begins again, to join them"
    exit 1
  fi
fi
