"""python3 -m unittest discover examples/airflow: what orders.py promises, with SQLite and no Airflow."""

import sqlite3
import tempfile
import unittest

import orders

FAR = "2100-01-01T00:00:00.000000Z"


class Orders(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.expected = orders.sample(self.folder)
        orders.migrate(self.db)

    def load(self, until=FAR):
        counts = orders.stage(self.db, orders.read(self.folder), until)
        orders.publish(self.db)
        return counts

    def test_migrations_are_applied_once_and_wanted_before_loading(self):
        self.assertEqual(orders.migrate(self.db), [])
        later = [*orders.MIGRATIONS, ("003-note", "ALTER TABLE orders ADD COLUMN note VARCHAR(10)")]
        with self.assertRaisesRegex(RuntimeError, "003-note"):
            orders.require(self.db, later)
        self.assertEqual(orders.migrate(self.db, later), ["003-note"])
        orders.require(self.db, later)

    def test_bad_records_are_rejected_with_their_reason_and_the_rest_is_loaded(self):
        counts = self.load()
        self.assertEqual((counts["read"], counts["staged"], counts["rejected"]), (1000, 997, 3))
        reasons = {reason for (reason,) in self.db.execute("SELECT reason FROM rejects")}
        self.assertEqual(reasons, {"id or modified is none", "customer has not 1 to 40 characters", "invalid UTF-8"})
        totals = orders.totals(self.db)
        self.assertEqual({key: totals[key] for key in self.expected}, self.expected)

    def test_a_second_run_loads_nothing_and_changes_nothing(self):
        self.load()
        before = list(self.db.iterdump())
        counts = self.load()
        self.assertEqual((counts["staged"], counts["known"]), (0, 997))
        self.assertEqual(list(self.db.iterdump()), before)

    def test_only_what_is_newer_is_read_and_nothing_after_the_runs_time(self):
        first = self.load("2025-01-01T05:00:00.000000Z")
        self.assertEqual((first["staged"], first["later"]), (300, 697))
        second = self.load()
        self.assertEqual((second["known"], second["staged"]), (300, 697))
        totals = orders.totals(self.db)
        self.assertEqual({key: totals[key] for key in self.expected}, self.expected)

    def test_a_run_that_is_killed_between_two_tables_leaves_both_as_they_were(self):
        self.load("2025-01-01T05:00:00.000000Z")
        before = orders.totals(self.db)
        orders.stage(self.db, orders.read(self.folder), FAR)

        def killed():
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            orders.publish(self.db, killed)
        self.assertEqual(orders.totals(self.db), before)
        # The task is run again, with what is staged.
        self.assertEqual(orders.publish(self.db), 697)

    def test_of_an_order_that_changed_the_newer_one_counts(self):
        line = b'{"id": 1, "customer": "%s", "modified": "%s", "lines": [{"item": "a", "amount": 1.10}]}'
        new, old = (line % (name, time) for name, time in ((b"new", b"2025-03-01T02:00:00+03:00"), (b"old", b"2025-02-28T22:00:00+00:00")))
        orders.stage(self.db, [("x", 1, new), ("x", 2, old)], FAR)
        orders.publish(self.db)
        self.assertEqual(self.db.execute("SELECT customer, modified FROM orders").fetchall(), [("new", "2025-02-28T23:00:00.000000Z")])
        self.assertEqual(orders.totals(self.db)["amount"], "1.10")


if __name__ == "__main__":
    unittest.main()
