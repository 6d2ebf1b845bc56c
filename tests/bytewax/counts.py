"""300 numbers, ten a second; of each remainder by six, how many came so far: `COUNT remainder so-far number`.

So-far is always number // 6 + 1, also after failures if the state was recovered, and no number is missing then.
"""

import time

import bytewax.operators as op
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource


def slowly(x):
    time.sleep(0.1)
    return x


def count(so_far, x):
    so_far = (so_far or 0) + 1
    return so_far, (so_far, x)


flow = Dataflow("counts")
numbers = op.input("numbers", flow, TestingSource(range(300)))
slow = op.map("slowly", numbers, slowly)
keyed = op.key_on("key", slow, lambda x: str(x % 6))
counted = op.stateful_map("count", keyed, count)
lines = op.map("line", counted, lambda item: f"COUNT {item[0]} {item[1][0]} {item[1][1]}")
op.output("out", lines, StdOutSink())
