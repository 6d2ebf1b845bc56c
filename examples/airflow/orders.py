"""What the DAG `etl_orders` does, without Airflow: functions over a DB-API connection, PostgreSQL's or SQLite's.

Orders come as compressed JSON lines in several files, one order with its lines per line. They go to staging tables first, and
from there to the tables that others read, all in one transaction. Records that cannot be loaded go to a table of rejects.
"""

import datetime
import decimal
import gzip
import hashlib
import json
import pathlib

# Applied in this order, each once. A change of a table is a new entry, never another text of an old one.
MIGRATIONS = [
    (
        "001-orders",
        """
        CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR(40) NOT NULL, modified VARCHAR(32) NOT NULL);
        CREATE TABLE order_lines (order_id BIGINT NOT NULL, number INTEGER NOT NULL, item VARCHAR(40) NOT NULL,
          amount NUMERIC(12, 2) NOT NULL, PRIMARY KEY (order_id, number));
        CREATE TABLE staged_orders (id BIGINT PRIMARY KEY, customer VARCHAR(40) NOT NULL, modified VARCHAR(32) NOT NULL);
        CREATE TABLE staged_lines (order_id BIGINT NOT NULL, number INTEGER NOT NULL, item VARCHAR(40) NOT NULL,
          amount NUMERIC(12, 2) NOT NULL, PRIMARY KEY (order_id, number));
        """,
    ),
    (
        "002-rejects",
        """
        CREATE TABLE rejects (digest VARCHAR(64) PRIMARY KEY, source VARCHAR(200) NOT NULL, line INTEGER NOT NULL,
          reason VARCHAR(200) NOT NULL, seen VARCHAR(32) NOT NULL);
        """,
    ),
]


def _run(db, text, values=()):
    """One statement, written with `?`; psycopg2 wants `%s`."""
    if type(db).__module__.split(".")[0] != "sqlite3":
        text = text.replace("?", "%s")
    cursor = db.cursor()
    cursor.execute(text, values)
    return cursor


def _count(db, table):
    return _run(db, f"SELECT count(*) FROM {table}").fetchone()[0]


def migrate(db, migrations=MIGRATIONS):
    """Applies what was not applied yet, and returns the names of that."""
    _run(db, "CREATE TABLE IF NOT EXISTS migrations (name VARCHAR(100) PRIMARY KEY)")
    done = {name for (name,) in _run(db, "SELECT name FROM migrations").fetchall()}
    new = [(name, text) for name, text in migrations if name not in done]
    for name, text in new:
        for statement in filter(str.strip, text.split(";")):
            _run(db, statement)
        _run(db, "INSERT INTO migrations VALUES (?)", (name,))
    db.commit()
    return [name for name, _ in new]


def require(db, migrations=MIGRATIONS):
    """Stops before anything is loaded into tables that are not as this code wants them."""
    done = {name for (name,) in _run(db, "SELECT name FROM migrations").fetchall()}
    missing = [name for name, _ in migrations if name not in done]
    if missing:
        raise RuntimeError(f"the database lacks {', '.join(missing)}: run the task `migrate` first")


def parsed(line):
    """The order and its lines. A ValueError says what is wrong with the record."""
    try:
        record = json.loads(line.decode("utf-8"), parse_float=decimal.Decimal)
    except UnicodeDecodeError:
        raise ValueError("invalid UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg}") from None
    try:
        number, customer, lines = int(record["id"]), record["customer"], record["lines"]
        modified = datetime.datetime.fromisoformat(record["modified"])
    except KeyError as error:
        raise ValueError(f"no {error.args[0]}") from None
    except (TypeError, ValueError):
        raise ValueError("id or modified is none") from None
    if modified.tzinfo is None:
        raise ValueError("modified has no time zone")
    if not isinstance(customer, str) or not 0 < len(customer) <= 40:
        raise ValueError("customer has not 1 to 40 characters")
    # As text that sorts like the times do: of one zone, and with as many digits each.
    stamp = modified.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    rows = []
    for at, item in enumerate(lines):
        name, amount = item.get("item"), item.get("amount")
        if not isinstance(name, str) or not 0 < len(name) <= 40:
            raise ValueError(f"item of line {at} has not 1 to 40 characters")
        try:
            amount = decimal.Decimal(str(amount))
        except decimal.InvalidOperation:
            amount = decimal.Decimal("NaN")
        if not amount.is_finite() or abs(amount) >= 10**10:
            raise ValueError(f"amount of line {at} is none")
        rows.append((number, at, name, str(amount.quantize(decimal.Decimal("0.01")))))
    return (number, customer, stamp), rows


def read(folder):
    """Each line of each file, with its place: never a whole file at once."""
    for path in sorted(pathlib.Path(folder).glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                yield path.name, number, line


def newest(db):
    """Up to when the orders are loaded; empty where there are none."""
    return _run(db, "SELECT max(modified) FROM orders").fetchone()[0] or ""


def stage(db, lines, until, now=None):
    """Loads what is newer than the orders that are there, and not newer than `until`, into staging; counts what it met.

    `until` is a time like `2025-06-01T00:00:00.000000Z`. A task that is run again loads the same.
    """
    require(db)
    now = now or datetime.datetime.now(datetime.timezone.utc).isoformat()
    since = newest(db)
    _run(db, "DELETE FROM staged_orders")
    _run(db, "DELETE FROM staged_lines")
    counts = {"read": 0, "staged": 0, "known": 0, "later": 0, "rejected": 0}
    for source, number, line in lines:
        counts["read"] += 1
        try:
            order, rows = parsed(line)
        except ValueError as error:
            counts["rejected"] += 1
            # The same bad record is one reject, however often it comes.
            digest = hashlib.sha256(line).hexdigest()
            values = (digest, source[:200], number, str(error)[:200], now)
            _run(db, "INSERT INTO rejects VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING", values)
            continue
        if order[2] <= since:
            counts["known"] += 1
        elif order[2] > until:
            counts["later"] += 1
        else:
            counts["staged"] += 1
            # Of an order that comes twice the newer one counts.
            staged = _run(db, "SELECT modified FROM staged_orders WHERE id = ?", (order[0],)).fetchone()
            if staged and staged[0] >= order[2]:
                continue
            _run(db, "DELETE FROM staged_lines WHERE order_id = ?", (order[0],))
            _run(db, "DELETE FROM staged_orders WHERE id = ?", (order[0],))
            _run(db, "INSERT INTO staged_orders VALUES (?, ?, ?)", order)
            for row in rows:
                _run(db, "INSERT INTO staged_lines VALUES (?, ?, ?, ?)", row)
    db.commit()
    return counts


def publish(db, between=lambda: None):
    """All that is staged, into both tables or neither. `between` is where a test breaks it."""
    try:
        count = _count(db, "staged_orders")
        _run(db, "DELETE FROM order_lines WHERE order_id IN (SELECT id FROM staged_orders)")
        _run(db, "DELETE FROM orders WHERE id IN (SELECT id FROM staged_orders)")
        _run(db, "INSERT INTO orders SELECT id, customer, modified FROM staged_orders")
        between()
        _run(db, "INSERT INTO order_lines SELECT order_id, number, item, amount FROM staged_lines")
        _run(db, "DELETE FROM staged_orders")
        _run(db, "DELETE FROM staged_lines")
        db.commit()
    except BaseException:
        db.rollback()
        raise
    return count


def totals(db):
    """What a check compares."""
    amount = _run(db, "SELECT coalesce(sum(amount), 0) FROM order_lines").fetchone()[0]
    cents = decimal.Decimal(str(amount)).quantize(decimal.Decimal("0.01"))
    return {"orders": _count(db, "orders"), "lines": _count(db, "order_lines"), "rejects": _count(db, "rejects"), "amount": str(cents)}


def forget(db, before):
    """Removes rejects that were seen before that time."""
    count = _run(db, "DELETE FROM rejects WHERE seen < ?", (before,)).rowcount
    db.commit()
    return count


def sample(folder, orders=1000, parts=4):
    """Makes files of that many orders, three of which are bad, always the same; returns what should be loaded of them."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    start = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
    files = [[] for _ in range(parts)]
    cents = 0
    for number in range(orders):
        lines = [{"item": f"item {at}", "amount": f"{number % 97}.{at}5"} for at in range(number % 3 + 1)]
        modified = (start + datetime.timedelta(minutes=number)).isoformat()
        record = {"id": number, "customer": f"customer {number % 50}", "modified": modified, "lines": lines}
        text = json.dumps(record).encode()
        if number == 100:
            text = json.dumps({**record, "modified": "31.02.2025"}).encode()
        elif number == 500:
            text = json.dumps({**record, "customer": "x" * 41}).encode()
        elif number == 900:
            text = text.replace(b"customer 0", b"customer \xff")
        else:
            cents += sum(int(line["amount"].replace(".", "")) for line in lines)
        files[number % parts].append(text)
    for at, lines in enumerate(files):
        # Without a time in it: the same orders make the same file.
        (folder / f"part-{at}.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines) + b"\n", mtime=0))
    return {"orders": orders - 3, "rejects": 3, "amount": f"{cents // 100}.{cents % 100:02}"}
