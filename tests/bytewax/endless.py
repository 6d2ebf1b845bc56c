"""Goes on for ever: a number a second, keyed, so that all processes take part. Says where its variables came from."""

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
keyed = op.key_on("key", ticks, lambda x: str(x % 12))
lines = op.map("line", keyed, lambda item: f"TICK {item[0]} {item[1]}")
op.output("out", lines, StdOutSink())
