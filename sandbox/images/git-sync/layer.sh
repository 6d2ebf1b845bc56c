# shellcheck shell=bash
# A stand-in for git-sync 4: a script with its environment variables and its layout of folders, on Debian's git.

# The tag that charts name.
# shellcheck disable=SC2034  # for `build`
GIT_SYNC_TAG=v4.3.0

git_sync_layer() { # BASE ROOT
  local base=$1 root=$2
  another_account "$base" "$root" 'git-sync:x:65533:65533::/tmp:/usr/sbin/nologin' 'git-sync:x:65533:'
  install -m 0755 "$IMAGE_SOURCES/git-sync/rootfs/git-sync" "$root/git-sync"
}

# shellcheck disable=SC2034  # for `build`
GIT_SYNC_CONFIG='{
  "User": "65533:65533",
  "WorkingDir": "/tmp",
  "Entrypoint": ["/git-sync"],
  "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "LANG=C.UTF-8"],
  "Labels": {"org.opencontainers.image.title": "stand-in for git-sync, a script of the windlass sandbox",
    "org.opencontainers.image.version": "4-stand-in"}
}'
