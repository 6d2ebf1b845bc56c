"""What Airflow's pods do with the database before Airflow starts.

database.py migrate   brings it to the version of this image
database.py wait      waits until that is done
database.py rotate    writes what is encrypted with the fernet key OLD anew, with NEW

A key that opens nothing of what the database holds stops all of them: with another key Airflow would start, and each task
that needs a connection would fail.
"""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import time

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import create_engine, inspect, text

URL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
KEY = "AIRFLOW__CORE__FERNET_KEY"
TIMEOUT = int(os.environ.get("WINDLASS_TIMEOUT", "300"))
# Nothing gets better by another try: the Job ends at once (podFailurePolicy).
FINAL = 42
# What is encrypted: table, name, its columns and the column that says so.
ENCRYPTED = [
    ("connection", "conn_id", "password", "is_encrypted"),
    ("connection", "conn_id", "extra", "is_extra_encrypted"),
    ("variable", "key", "val", "is_encrypted"),
]


def end(code, *lines):
    print("\n".join(lines), file=sys.stderr, flush=True)
    sys.exit(code)


def encrypted(connection):
    """Yields a name and a token for each encrypted text."""
    tables = set(inspect(connection).get_table_names())
    quote = connection.dialect.identifier_preparer.quote
    for table, name, column, flag in ENCRYPTED:
        if table in tables:
            query = f"SELECT {quote(name)}, {quote(column)} FROM {quote(table)} WHERE {quote(flag)}"
            yield from ((f"{table} {row[0]}", row[1]) for row in connection.execute(text(query)) if row[1])


def unreadable(connection, keys):
    """How many encrypted texts there are, and the names of those that no key opens."""
    try:
        fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
    except ValueError:
        end(FINAL, "The fernet key is none: 32 bytes in the base64 of URLs are wanted.")
    total, closed = 0, []
    for name, token in encrypted(connection):
        total += 1
        try:
            fernet.decrypt(token.encode())
        except InvalidToken:
            closed.append(name)
    return total, closed


def connected(engine):
    """A connection, as soon as there is one."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return engine.connect()
        except Exception as error:
            # The first line only; it names host, port and cause, never the password.
            last = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            if time.monotonic() > deadline:
                end(1, f"The database did not answer within {TIMEOUT} s: {last}")
            print(f"waiting for the database: {last}", flush=True)
            time.sleep(2)


def check_key(engine):
    with connected(engine) as connection:
        total, closed = unreadable(connection, os.environ.get(KEY, ""))
    if closed and len(closed) == total:
        end(
            FINAL,
            f"The fernet key does not open what the database holds: {total} encrypted texts, the first is {closed[0]}.",
            "Give the key with which they were written, such as `windlass install --set airflow.fernet_key=file:PATH`.",
            "If it is lost: delete these connections and variables from the database, and enter them anew.",
        )
    if closed:
        print(f"{len(closed)} of {total} encrypted texts cannot be read with the fernet key: {', '.join(closed[:5])}", flush=True)


def migrate(engine):
    check_key(engine)
    engine.dispose()
    os.execvp("airflow", ["airflow", "db", "migrate"])


def newest():
    """The revisions that no other one follows, as Alembic finds them: empty where its files are not what they were."""
    package = pathlib.Path(importlib.util.find_spec("airflow").submodule_search_locations[0])
    revisions, followed = set(), set()
    for file in (package / "migrations/versions").glob("*.py"):
        source = file.read_text(encoding="utf-8")
        revisions.update(re.findall(r"^revision[^=\n]*=\s*[\"'](\w+)", source, re.M))
        for before in re.findall(r"^down_revision[^=\n]*=\s*(\([^)]*\)|.*)", source, re.M):
            followed.update(re.findall(r"[\"'](\w+)[\"']", before))
    return revisions - followed


def reached(engine):
    """The revisions that the database has; none where it has no tables yet."""
    with connected(engine) as connection:
        if "alembic_version" not in inspect(connection).get_table_names():
            return set()
        return {row[0] for row in connection.execute(text("SELECT version_num FROM alembic_version"))}


def wait(engine):
    """As `airflow db check-migrations`, which takes a core for seconds to load, in each of the pods that wait."""
    check_key(engine)
    wanted, deadline = newest(), time.monotonic() + TIMEOUT
    if not wanted:
        os.execvp("airflow", ["airflow", "db", "check-migrations", "--migration-wait-timeout", str(TIMEOUT)])
    while (found := reached(engine)) != wanted:
        if time.monotonic() > deadline:
            hint = f"Look at `{os.environ['WINDLASS_LOGS']}`." if os.environ.get("WINDLASS_LOGS") else ""
            lacks = f"It has {', '.join(sorted(found)) or 'nothing'}, and {', '.join(sorted(wanted))} is wanted."
            end(1, f"The database was not brought to this version of Airflow within {TIMEOUT} s. {hint}".strip(), lacks)
        engine.dispose()
        time.sleep(1)


def rotate(engine):
    old, new = os.environ["OLD"], os.environ["NEW"]
    with connected(engine) as connection:
        total, closed = unreadable(connection, f"{new},{old}")
        if closed:
            end(1, f"Neither the old nor the new fernet key opens {len(closed)} of {total} texts, such as {closed[0]}: nothing was changed.")
    print(f"{total} encrypted texts can be read", flush=True)
    # The new key first: it is the one that Airflow writes with. What it wrote in a run that was killed is read with it.
    subprocess.run(["airflow", "rotate-fernet-key"], check=True, env={**os.environ, KEY: f"{new},{old}"})
    with connected(engine) as connection:
        after, closed = unreadable(connection, new)
        if closed:
            end(1, f"The new fernet key does not open {len(closed)} of {after} texts, such as {closed[0]}.")
    print(f"{after} encrypted texts can be read with the new key alone", flush=True)


def main():
    # A Job that is given the certificate authority as a variable has it where the URL looks for it.
    if os.environ.get("CA"):
        with open("/etc/windlass/postgresql/ca.crt", "w", encoding="utf-8") as file:
            file.write(os.environ["CA"])
    url = os.environ[URL]
    # Airflow's own pods may be many; each of these holds one connection, and no longer than it asks something.
    engine = create_engine(url, connect_args={"connect_timeout": 5} if url.startswith("postgresql") else {})
    {"migrate": migrate, "wait": wait, "rotate": rotate}[sys.argv[1]](engine)


if __name__ == "__main__":
    main()
