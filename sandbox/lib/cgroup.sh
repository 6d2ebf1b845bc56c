# shellcheck shell=bash
# The node's cgroups: one folder of the sandbox's name at the root of each hierarchy (v1, hybrid) or of the one (v2).
# windlass-sandbox/system holds the node's daemons, windlass-sandbox/kubepods is the kubelet's. That every process of the node is in there
# makes it possible to find them all, whatever was killed when.

CGROUPS=${WINDLASS_CGROUP_ROOT:-/sys/fs/cgroup}
REQUIRED_CONTROLLERS="cpu cpuset memory pids"

# The hierarchies' roots, one a line.
hierarchies() {
  if [ -e "$CGROUPS/cgroup.controllers" ]; then
    echo "$CGROUPS"
    return
  fi
  # Aliases (cpuacct -> cpu,cpuacct) are symbolic links: they are left out, so that each comes once.
  find "$CGROUPS" -mindepth 1 -maxdepth 1 -type d
}

cgroup_folders() {
  local root
  hierarchies | while read -r root; do [ ! -d "$root/$CONTEXT" ] || echo "$root/$CONTEXT"; done
}

make_cgroups() {
  local root file controller
  if [ -e "$CGROUPS/cgroup.controllers" ]; then
    # v2: a controller must be handed down by every folder on the way. The kubelet hands down all there are; what the
    # host did before is noted, so that `down` can put it back.
    mkdir -p "$TRACES"
    [ -e "$TRACES/controllers" ] || publish "$TRACES/controllers" <"$CGROUPS/cgroup.subtree_control"
    for controller in $REQUIRED_CONTROLLERS; do
      echo "+$controller" >"$CGROUPS/cgroup.subtree_control" 2>/dev/null || true
    done
    for controller in $REQUIRED_CONTROLLERS; do
      grep -qw "$controller" "$CGROUPS/cgroup.subtree_control" ||
        die "failed to hand down the cgroup controller $controller in $CGROUPS/cgroup.subtree_control" \
          "in a container, run it with a cgroup namespace of the host (--cgroupns=host) and privileged"
    done
    mkdir -p "$CGROUPS/$CONTEXT/system" || die "failed to make the cgroup $CGROUPS/$CONTEXT" "in a container, run it privileged"
    return
  fi
  while read -r root; do
    mkdir -p "$root/$CONTEXT" || die "failed to make the cgroup $root/$CONTEXT" "in a container, run it privileged"
    # v1's cpuset starts without CPUs and takes no process until it is given some.
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$root/$file" ] || cat "$root/$file" >"$root/$CONTEXT/$file"
    done
    mkdir -p "$root/$CONTEXT/system"
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$root/$file" ] || cat "$root/$file" >"$root/$CONTEXT/system/$file"
    done
  done < <(hierarchies)
}

# Puts the calling process into windlass-sandbox/system everywhere.
enter_cgroups() {
  local folder
  while read -r folder; do
    echo "$BASHPID" >"$folder/system/cgroup.procs" || die "failed to enter the cgroup $folder/system"
  done < <(cgroup_folders)
}

cgroup_processes() {
  cgroup_folders | while read -r folder; do find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null || true; done | sort -un
}

# v2: stops handing down at the root what was not handed down before. What others use by now cannot be taken back.
restore_controllers() {
  local controller
  [ -e "$TRACES/controllers" ] && [ -e "$CGROUPS/cgroup.subtree_control" ] || return 0
  # shellcheck disable=SC2013  # words of one line
  for controller in $(cat "$CGROUPS/cgroup.subtree_control"); do
    grep -qw "$controller" "$TRACES/controllers" || echo "-$controller" >"$CGROUPS/cgroup.subtree_control" 2>/dev/null || true
  done
}

# Kills every process of the node and removes the folders. Says what is left, if anything is.
remove_cgroups() {
  local folder pids tries
  for ((tries = 0; tries < 100; tries++)); do
    pids=$(cgroup_processes)
    if [ -z "$pids" ]; then break; fi
    # shellcheck disable=SC2086  # a list of pids
    kill -KILL $pids 2>/dev/null || true
    sleep 0.1
  done
  for ((tries = 0; tries < 50; tries++)); do
    while read -r folder; do
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done < <(cgroup_folders)
    if [ -z "$(cgroup_folders)" ]; then return; fi
    sleep 0.1
  done
  die "failed to remove the cgroups $(cgroup_folders | tr '\n' ' ')(processes: $(cgroup_processes | tr '\n' ' '))" "sandbox/down"
}
