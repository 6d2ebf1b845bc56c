"""python3 -m unittest discover tests/airflow: the scripts of Airflow's chart, without Airflow; needs nothing but Python.

`cryptography` and `sqlalchemy` stand here as far as database.py uses them: a token is its key and its text, and an engine is
SQLite's.
"""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import sqlite3
import sys
import tempfile
import threading
import time
import types
import unittest
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer
from unittest import mock

SCRIPTS = pathlib.Path(__file__).parents[2] / "bundles/airflow/chart/scripts"


class InvalidToken(Exception):
    pass


class Fernet:
    def __init__(self, key):
        if not key.startswith("key"):
            raise ValueError("not a key")
        self.key = key

    def decrypt(self, token):
        key, _, text = token.decode().partition("|")
        if key != self.key:
            raise InvalidToken
        return text.encode()


class MultiFernet:
    def __init__(self, fernets):
        if not fernets:
            raise ValueError("no key")
        self.fernets = fernets

    def decrypt(self, token):
        for fernet in self.fernets:
            with contextlib.suppress(InvalidToken):
                return fernet.decrypt(token)
        raise InvalidToken


class Connection:
    dialect = types.SimpleNamespace(identifier_preparer=types.SimpleNamespace(quote=lambda name: f'"{name}"'))

    def __init__(self, path):
        self.db = sqlite3.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()

    def execute(self, text):
        return self.db.execute(text)


def inspect(connection):
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    return types.SimpleNamespace(get_table_names=lambda: names)


def engine(url, connect_args):
    return types.SimpleNamespace(connect=lambda: Connection(url.removeprefix("sqlite:///")), dispose=lambda: None)


def load(name):
    modules = {
        "cryptography": types.ModuleType("cryptography"),
        "cryptography.fernet": types.SimpleNamespace(Fernet=Fernet, InvalidToken=InvalidToken, MultiFernet=MultiFernet),
        "sqlalchemy": types.SimpleNamespace(create_engine=engine, inspect=inspect, text=str),
    }
    with mock.patch.dict(sys.modules, modules):
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


class Database(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/airflow.db"
        self.script = load("database")
        self.script.TIMEOUT = 0

    def fill(self, *keys):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            db.execute("CREATE TABLE connection (conn_id, password, extra, is_encrypted, is_extra_encrypted)")
            db.execute("CREATE TABLE variable (key, val, is_encrypted)")
            for at, key in enumerate(keys):
                db.execute("INSERT INTO connection VALUES (?, ?, NULL, 1, 0)", (f"c{at}", f"{key}|text"))
            db.commit()

    def run_script(self, what, **env):
        """Exit code, what it said, and the commands that it ran or became."""
        commands, said = [], io.StringIO()

        def rotate(command, check, env):
            commands.append(command)
            new, old = env["AIRFLOW__CORE__FERNET_KEY"].split(",")
            with contextlib.closing(sqlite3.connect(self.path)) as db:
                db.execute("UPDATE connection SET password = replace(password, ?, ?)", (f"{old}|", f"{new}|"))
                db.commit()

        env = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.path}", **env}
        with (
            mock.patch.dict(os.environ, env),
            mock.patch.object(sys, "argv", ["database.py", what]),
            mock.patch.object(os, "execvp", lambda _, command: commands.append(command)),
            mock.patch.object(self.script.subprocess, "run", rotate),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            try:
                self.script.main()
                code = 0
            except SystemExit as end:
                code = end.code
        return code, said.getvalue(), commands

    def test_an_empty_database_is_migrated(self):
        self.assertEqual(self.run_script("migrate", AIRFLOW__CORE__FERNET_KEY="key1"), (0, "", [["airflow", "db", "migrate"]]))

    def test_a_key_that_opens_nothing_stops_it_for_good(self):
        self.fill("key1", "key1")
        code, said, commands = self.run_script("migrate", AIRFLOW__CORE__FERNET_KEY="key2")
        self.assertEqual((code, commands), (42, []))
        self.assertRegex(said, "2 encrypted texts, the first is connection c0")
        self.assertIn("airflow.fernet_key=file:PATH", said)
        code, _, commands = self.run_script("wait", AIRFLOW__CORE__FERNET_KEY="key2")
        self.assertEqual((code, commands), (42, []))

    def test_texts_that_were_lost_before_stop_nothing(self):
        self.fill("key1", "key0")
        code, said, commands = self.run_script("migrate", AIRFLOW__CORE__FERNET_KEY="key1")
        self.assertEqual((code, commands), (0, [["airflow", "db", "migrate"]]))
        self.assertIn("1 of 2 encrypted texts cannot be read", said)

    def test_what_is_no_key_is_said(self):
        code, said, _ = self.run_script("migrate", AIRFLOW__CORE__FERNET_KEY="none")
        self.assertEqual(code, 42)
        self.assertIn("32 bytes", said)

    def airflow(self, *files):
        """An Airflow of these migrations, and nothing in it that could be loaded."""
        package = pathlib.Path(self.path).parent / "site/airflow"
        (package / "migrations/versions").mkdir(parents=True)
        (package / "__init__.py").write_text("raise AssertionError('takes seconds')")
        for at, text in enumerate(files):
            (package / f"migrations/versions/{at:04}_x.py").write_text(text)
        path = mock.patch.object(sys, "path", [str(package.parent), *sys.path])
        path.start()
        self.addCleanup(path.stop)

    def stamp(self, revision):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            db.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num)")
            db.execute("DELETE FROM alembic_version")
            db.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
            db.commit()

    def test_a_pod_waits_until_the_newest_migration_is_there(self):
        self.airflow(
            'revision = "a1"\ndown_revision = None\n',
            "revision: str = 'b2'\ndown_revision: str | None = 'a1'\n",
            '"""Text of revision = "zz" and more."""\nrevision = "c3"\ndown_revision = "a1"\n',
            'revision = "d4"\ndown_revision = (\n    "b2",\n    "c3",\n)\nairflow_version = "2.0"\n',
        )
        wait = lambda: self.run_script("wait", AIRFLOW__CORE__FERNET_KEY="key1", WINDLASS_LOGS="kubectl logs x")
        code, said, commands = wait()
        self.assertEqual((code, commands), (1, []))
        self.assertIn("Look at `kubectl logs x`.\nIt has nothing, and d4 is wanted.", said)
        self.stamp("b2")
        self.assertIn("It has b2, and d4 is wanted.", wait()[1])
        self.stamp("d4")
        self.assertEqual(wait(), (0, "", []))

    def test_an_airflow_whose_migrations_are_elsewhere_is_asked_itself(self):
        self.airflow()
        _, _, commands = self.run_script("wait", AIRFLOW__CORE__FERNET_KEY="key1")
        self.assertEqual(commands[0], ["airflow", "db", "check-migrations", "--migration-wait-timeout", "0"])

    def test_a_rotation_goes_on_where_it_was_killed(self):
        self.fill("key1", "key2", "key1")
        for _ in range(2):
            code, said, commands = self.run_script("rotate", OLD="key1", NEW="key2")
            self.assertEqual((code, commands), (0, [["airflow", "rotate-fernet-key"]]))
            self.assertIn("3 encrypted texts can be read with the new key alone", said)

    def test_a_rotation_that_could_not_read_all_changes_nothing(self):
        self.fill("key1", "key0")
        code, said, commands = self.run_script("rotate", OLD="key1", NEW="key2")
        self.assertEqual((code, commands), (1, []))
        self.assertIn("nothing was changed", said)

    def test_a_database_that_does_not_answer_is_said_without_its_password(self):
        self.path = "/nowhere/secret/airflow.db"
        code, said, _ = self.run_script("migrate", AIRFLOW__CORE__FERNET_KEY="key1")
        self.assertEqual(code, 1)
        self.assertIn("did not answer within 0 s: unable to open database file", said)
        self.assertNotIn("secret", said)


class Keeper(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.script = load("keeper")
        self.script.LINK = str(self.folder / "repo")

    def publish(self, commit):
        (self.folder / commit).mkdir()
        (self.folder / "new").symlink_to(commit)
        (self.folder / "new").rename(self.folder / "repo")

    def test_it_says_which_commit_is_there_and_which_were(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), self.script.Answer)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"

        def asked(path):
            try:
                with urllib.request.urlopen(url + path) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        self.assertEqual(asked("/commit"), (503, {"commit": "", "recent": []}))
        self.assertEqual(asked("/")[0], 200)
        self.publish("one")
        self.assertEqual(asked("/commit"), (200, {"commit": "one", "recent": ["one"]}))
        self.publish("two")
        self.assertEqual(asked("/commit"), (200, {"commit": "two", "recent": ["one", "two"]}))
        # A link that leads nowhere is no commit.
        (self.folder / "two").rmdir()
        self.assertEqual(asked("/commit")[0], 503)

    def test_old_logs_go_and_new_ones_stay(self):
        old, new = self.folder / "logs/dag/old.log", self.folder / "logs/dag/new.log"
        empty = self.folder / "logs/gone"
        empty.mkdir(parents=True)
        old.parent.mkdir()
        for path in (old, new):
            path.write_text("x")
        before = time.time() - 3600
        for path in (old, empty):
            os.utime(path, (before - 60, before - 60))
        self.assertEqual(self.script.clean(str(self.folder / "logs"), before), 1)
        self.assertEqual((old.exists(), new.exists(), empty.exists()), (False, True, False))


if __name__ == "__main__":
    unittest.main()
