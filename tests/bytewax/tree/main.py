"""Reads a file beside it, with a module beside it."""

import bytewax.operators as op
from bytewax.connectors.files import FileSource
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from shop.lines import loud


def build(mark):
    flow = Dataflow("tree")
    lines = op.input("lines", flow, FileSource("data/a.txt"))
    op.output("out", op.map("loud", lines, lambda line: f"{mark} {loud(line)}"), StdOutSink())
    return flow


flow = build("LINE")
