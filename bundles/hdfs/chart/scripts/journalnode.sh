# shellcheck shell=bash
# A JournalNode. NameNodes give a new one its place only when they format all of them, so one whose volume was lost would
# stay out for ever: it takes the file system's ids from the others, and Hadoop copies the edits by itself. Nothing is
# ever deleted.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${SCRIPTS:-/scripts}/common.sh"
data=${DATA:-/data}
place=$data/journal/$NAMESERVICE
if ! [ -e "$place/current/VERSION" ]; then
  # shellcheck disable=SC2046,SC2086 # words
  journals $(others $JOURNALNODES)
  if may_join; then
    new=$(mktemp -d "$data/.join-XXXXXX")
    mkdir -p "$new/place/current/paxos" "$data/journal"
    chmod 0700 "$new/place/current"
    value() { tr ' ' '\n' <<<"$storage" | sed -n "s/^$1=//p"; }
    printf '%s\n' "namespaceID=$(value NamespaceId)" "clusterID=$(value ClusterId)" "cTime=$(value CreationTime)" \
      storageType=JOURNAL_NODE "layoutVersion=$(value LayoutVersion)" >"$new/place/current/VERSION"
    # What a formatting that was killed left holds nothing.
    [ ! -e "$place" ] || mv -T "$place" "$new/before"
    mv -T "$new/place" "$place"
    echo "this JournalNode was empty, and $formatted others hold edits of $(value ClusterId): it joins them, and copies what it lacks"
  else
    echo "this JournalNode is empty; of the others $formatted hold edits, $empty are empty,${silent:- none} is silent"
  fi
fi
exec hdfs journalnode
