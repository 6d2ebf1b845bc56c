"""Runs `python -m bytewax.run`, and shows why a dataflow failed.

Among several processes Bytewax 0.21 ends with a panic about its connections, and the exception of the dataflow's own
code is lost. It was made as a BytewaxRuntimeError with that exception as its cause, so those are kept and shown.
"""

import collections
import os
import runpy
import sys
import traceback

import bytewax.errors

# Of the exit codes, the one that says that not the dataflow's own code failed; most often a peer has gone.
PANICKED = 75

made = collections.deque(maxlen=20)


class Kept(bytewax.errors.BytewaxRuntimeError):
    def __init__(self, *args):
        super().__init__(*args)
        made.append(self)


Kept.__name__, Kept.__qualname__, Kept.__module__ = "BytewaxRuntimeError", "BytewaxRuntimeError", "bytewax.errors"
bytewax.errors.BytewaxRuntimeError = Kept

# As `-m` has it.
sys.path[0] = os.getcwd()
try:
    runpy.run_module("bytewax.run", run_name="__main__", alter_sys=True)
except BaseException as error:
    if type(error).__name__ != "PanicException":
        raise
    if made:
        # The last one has the others as its causes.
        traceback.print_exception(made[-1])
        print(f"and so: {error}", file=sys.stderr)
        sys.exit(1)
    traceback.print_exc()
    sys.exit(PANICKED)
