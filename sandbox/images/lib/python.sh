# shellcheck shell=bash
# Python's packages and bytecode in the images, for Debian 12's Python 3.11 whatever the host's is. Expects CACHE and common.sh.

# wheels NAME REQUIREMENTS SITE [OPTION...]: packages from PyPI, by their hashes, into a folder. NAME is what the log is called.
wheels() {
  local name=$1 requirements=$2 site=$3 machine
  shift 3
  machine=$(uname -m)
  mkdir -p "$site"
  # pip compiles nothing: a compiled file would hold its source's time, which becomes another in the layer.
  heartbeat "$name" "$CACHE/logs/image-${name%% *}.log" "$(python_with_pip)" -m pip install --target "$site" --no-deps \
    --require-hashes --only-binary :all: --no-compile --no-cache-dir --progress-bar off --disable-pip-version-check --root-user-action ignore \
    --implementation cp --python-version 3.11 --platform "manylinux_2_31_$machine" --platform "manylinux_2_28_$machine" \
    --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" --requirement "$requirements" "$@" ||
    die "failed to install $name (log above)" "python3 -m pip download --no-deps --require-hashes --requirement $requirements"
  # Programs of the packages name the host's Python.
  rm -rf "${site:?}/bin"
  sed -i -E '/^(\.\.\/)*bin\//d' "$site"/*.dist-info/RECORD
}

# venv FOLDER: what `python3 -m venv` makes, without running the image's Python.
venv() {
  mkdir -p "$1/bin"
  printf '%s\n' 'home = /usr/bin' 'include-system-site-packages = false' 'version = 3.11' >"$1/pyvenv.cfg"
  ln -s /usr/bin/python3 "$1/bin/python3"
  ln -s python3 "$1/bin/python"
}

# bytecode ROOT FOLDER...: compiles what is in folders of an image, where a pod with a read-only root could never. By the
# image's own Python, and without looking at times: those of sources are all the same in a layer. Same bytes every time.
bytecode() {
  local root=$1
  shift
  heartbeat "bytecode of $*" "$CACHE/logs/image-bytecode.log" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 PYTHONHASHSEED=0 \
    chroot "$root" /usr/bin/python3 -m compileall -q -f --invalidation-mode unchecked-hash "$@" ||
    die "failed to compile the Python files in $* (log above)" "see $CACHE/logs/image-bytecode.log"
}

# programs SITE BIN PYTHON: what pip makes of the packages' entry points, with the image's Python.
programs() {
  local site=$1 bin=$2 python=$3 name module function
  mkdir -p "$bin"
  awk '/^\[/ {on = $0 == "[console_scripts]"; next} on && NF {gsub(/[ \t]/, ""); split($0, p, /[=:[]/); print p[1], p[2], p[3]}' \
    "$site"/*.dist-info/entry_points.txt | while read -r name module function; do
    printf '#!%s\nimport sys\nfrom %s import %s\n\nsys.exit(%s())\n' "$python" "$module" "${function%%.*}" "$function" >"$bin/$name"
  done
}
