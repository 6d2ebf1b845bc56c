"""Airflow reads this when it starts. Whoever wants a connection while the database is away waits for it, five minutes at most:
scheduler and triggerer would end at the first one that fails, and a task would fail."""

import time

from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "do_connect")
def patiently(dialect, record, args, options):
    deadline = time.monotonic() + 300
    while True:
        try:
            return dialect.connect(*args, **options)
        except dialect.dbapi.OperationalError as error:
            # A login that is refused does not get better.
            if "authentication failed" in str(error) or "does not exist" in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(2)
