"""Fails on its fifth number."""

import bytewax.operators as op
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource


def picky(x):
    if x == 4:
        raise ValueError("this dataflow fails on purpose")
    return f"NUMBER {x}"


flow = Dataflow("fails")
numbers = op.input("numbers", flow, TestingSource(range(10)))
op.output("out", op.map("picky", numbers, picky), StdOutSink())
