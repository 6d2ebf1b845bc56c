#!/bin/bash
# Spark's preStop hook where decommissioning is on: tells the executor to leave, and waits until it has.
set -u
pid=$(pgrep -o -x java) || exit 0
kill -s PWR "$pid"
timeout 60 tail --pid="$pid" -f /dev/null
sleep 1
