"""Sixty numbers, summed by their remainder: each of the twelve sums belongs to one process, whichever it is."""

import bytewax.operators as op
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource

flow = Dataflow("keyed")
numbers = op.input("numbers", flow, TestingSource(range(60)))
keyed = op.key_on("key", numbers, lambda x: str(x % 12))
sums = op.fold_final("sum", keyed, int, lambda total, x: total + x)
lines = op.map("line", sums, lambda item: f"RESULT {item[0]} {item[1]}")
op.output("out", lines, StdOutSink())
