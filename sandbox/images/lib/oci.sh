# shellcheck shell=bash
# Layers and OCI layouts out of plain folders, with tar and jq: no daemon, no user namespaces, the same bytes every time.
# Layers stay uncompressed: they are mostly jars, the registry is on this machine, and no compressor's version can then
# change a digest. Expects IMAGES (the folder for results) and common.sh.

# The time that every file and image carries. Not 0: Java takes a modification time of 0 for "no such file".
EPOCH=1735689600
CREATED=2025-01-01T00:00:00Z
LAYER_TYPE=application/vnd.oci.image.layer.v1.tar

# digest_of FOLDER|FILE...: one checksum over names, modes and contents.
digest_of() {
  local path
  for path in "$@"; do
    if [ -d "$path" ]; then
      (cd "$path" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum && find . -type f -perm /111 | LC_ALL=C sort)
    else
      sha256sum <"$path"
    fi
  done | sha256sum | cut -c1-16
}

# layer NAME KEY COMMAND...: the folder of a layer (layer.tar, digest), made by `COMMAND... ROOT` unless it is there.
layer() {
  local name=$1 dir=$IMAGES/layers/$1-$2 tmp begun
  shift 2
  # shellcheck disable=SC2034  # the result
  LAYER=$dir
  if [ -d "$dir" ]; then
    touch "$dir"
    return 0
  fi
  begun=$(now_ms)
  say "image layer $name"
  tmp=$(mktemp -d "$IMAGES/tmp.XXXXXX")
  mkdir -p "$IMAGES/layers" "$tmp/root" "$tmp/out"
  chmod 0755 "$tmp/root"
  "$@" "$tmp/root"
  # /dev, /proc, /sys and /run are the runtime's; what a build leaves there would only differ from host to host.
  tar --create --file "$tmp/out/layer.tar" --directory "$tmp/root" --format=pax --pax-option=delete=atime,delete=ctime \
    --sort=name --mtime="@$EPOCH" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --exclude='./run/*' .
  sha256sum "$tmp/out/layer.tar" | cut -d' ' -f1 >"$tmp/out/digest"
  mv -T "$tmp/out" "$dir"
  rm -rf --one-file-system "$tmp"
  say "image layer $name: done in $(seconds_since "$begun") s, $(($(stat -c %s "$dir/layer.tar") / 1000000)) MB"
}

# unpacked LAYER PATH...: some files of a layer, in a folder that the caller removes.
unpacked() {
  local dir=$1 tmp
  shift
  tmp=$(mktemp -d "$IMAGES/tmp.XXXXXX")
  tar --extract --file "$dir/layer.tar" --directory "$tmp" --no-same-owner --wildcards "$@"
  echo "$tmp"
}

blob() { # LAYOUT: stdin as a blob; says its descriptor's digest and size
  local tmp=$1/blobs/sha256/tmp digest
  cat >"$tmp"
  digest=$(sha256sum "$tmp" | cut -d' ' -f1)
  mv "$tmp" "$1/blobs/sha256/$digest"
  jq -cn --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$1/blobs/sha256/$digest")" '{$digest, $size}'
}

# image LAYOUT CONFIG LAYER...: writes an OCI layout. CONFIG is the `config` object of the image (user, env, entrypoint…).
image() {
  local layout=$1 config=$2 dir digest layers='[]' diffs='[]' descriptor architecture
  shift 2
  mkdir -p "$layout/blobs/sha256"
  architecture=$(dpkg --print-architecture)
  for dir in "$@"; do
    digest=$(cat "$dir/digest")
    ln -f "$dir/layer.tar" "$layout/blobs/sha256/$digest" 2>/dev/null || cp "$dir/layer.tar" "$layout/blobs/sha256/$digest"
    layers=$(jq -c --arg type "$LAYER_TYPE" --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$dir/layer.tar")" \
      '. + [{mediaType: $type, $digest, $size}]' <<<"$layers")
    diffs=$(jq -c --arg digest "sha256:$digest" '. + [$digest]' <<<"$diffs")
  done
  descriptor=$(jq -cS --arg created "$CREATED" --arg architecture "$architecture" --argjson diffs "$diffs" \
    '{$created, $architecture, os: "linux", config: ., rootfs: {type: "layers", diff_ids: $diffs},
      history: [$diffs[] | {$created, created_by: "sandbox/images/build"}]}' <<<"$config" | blob "$layout")
  descriptor=$(jq -cn --argjson config "$descriptor" --argjson layers "$layers" \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: ({mediaType: "application/vnd.oci.image.config.v1+json"} + $config), $layers}' | blob "$layout")
  printf '{"imageLayoutVersion": "1.0.0"}\n' >"$layout/oci-layout"
  jq -n --argjson manifest "$descriptor" --arg architecture "$architecture" \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", platform: {os: "linux", $architecture}} + $manifest]}' \
    >"$layout/index.json"
}
