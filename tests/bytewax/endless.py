"""Goes on for ever: a number a second, now from this process and now from that. Says where its variables came from."""

import os
import time
from datetime import timedelta

import bytewax.operators as op
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.inputs import SimplePollingSource


class Clock(SimplePollingSource):
    def next_item(self):
        return int(time.time())


flow = Dataflow("endless")
print("GREETING", os.environ.get("GREETING"), "TOKEN", os.environ.get("TOKEN"), flush=True)
ticks = op.input("ticks", flow, Clock(timedelta(seconds=1)))
spread = op.redistribute("spread", ticks)
lines = op.map("line", spread, lambda x: f"TICK {x % 12} {x}")
op.output("out", lines, StdOutSink())
