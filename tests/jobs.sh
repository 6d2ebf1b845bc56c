# shellcheck shell=bash
# Jobs of tests/run, and how each ended. A shell keeps the status of an ended child only until another child gets the
# same id, which takes minutes beside tests that start thousands of processes; so each job writes its own.

# start LOG COMMAND...: in the background, in a session of its own so that it can be ended with all its children, with
# SIGINT as a terminal's would have it, and without the caller's lock (9), which a daemon would keep. Sets JOB.
start() {
  local log=$1
  shift
  rm -f "$log.status"
  # The trap is for the shell alone: it stays until the command has ended.
  # shellcheck disable=SC2016 # that shell's own
  setsid env --default-signal=INT,QUIT bash -c 'trap : TERM HUP INT; "$@"; echo $? >"$0"' "$log.status" "$@" \
    >"$log" 2>&1 </dev/null 9>&- &
  # shellcheck disable=SC2034 # the caller's
  JOB=$!
}

# Whether a job is at work still. Once it has written how it ended, its id may be another's.
at_work() { # PID LOG
  [ ! -s "$2.status" ] && kill -0 "$1" 2>/dev/null
}

# Waits for a job, and ends as it did. A job that left no status was killed.
ended() { # PID LOG
  while at_work "$1" "$2"; do sleep 0.2; done
  local status=137
  if [ -s "$2.status" ]; then status=$(<"$2.status"); fi
  rm -f "$2.status"
  return "$status"
}

# Asks a job and all its children to end, and waits until it has.
end_job() { # PID LOG
  if at_work "$1" "$2" && kill -TERM -- "-$1" 2>/dev/null; then ended "$1" "$2" || true; fi
}
