"""Orders from compressed JSON lines into a database: what is new, in one transaction, with a table of rejects.

The connection `orders_db` names a PostgreSQL database; without it the tables are in a SQLite file of the worker, which is enough
to try it with one worker. The variable `orders_folder` names the folder with the files; without it a sample is made.
"""

import os
import sqlite3
from contextlib import closing
from datetime import timedelta

import pendulum
from airflow.decorators import dag, task
from airflow.exceptions import AirflowNotFoundException
from airflow.hooks.base import BaseHook
from airflow.models import Variable

import orders

ONCE_MORE = {"retries": 2, "retry_delay": timedelta(seconds=10)}


def database():
    try:
        BaseHook.get_connection("orders_db")
    except AirflowNotFoundException:
        return sqlite3.connect(os.path.join(os.environ.get("AIRFLOW_HOME", "/opt/airflow"), "orders.db"))
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    return PostgresHook("orders_db").get_conn()


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2025, 6, 1, tz="UTC"),
    catchup=False,
    # Two runs would share the staging tables.
    max_active_runs=1,
    default_args=ONCE_MORE,
    tags=["example"],
)
def etl_orders():
    @task
    def migrate():
        with closing(database()) as db:
            print("applied:", orders.migrate(db))

    @task
    def stage(data_interval_end=None):
        folder = Variable.get("orders_folder", default_var="")
        if not folder:
            folder = "/tmp/orders"
            print("sample:", orders.sample(folder))
        until = data_interval_end.in_timezone("UTC").strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with closing(database()) as db:
            print("counts:", orders.stage(db, orders.read(folder), until))

    @task
    def publish():
        with closing(database()) as db:
            print("published:", orders.publish(db))
            print("now there:", orders.totals(db))

    migrate() >> stage() >> publish()


# What takes long and holds others up has a schedule of its own.
@dag(schedule="@weekly", start_date=pendulum.datetime(2025, 6, 1, tz="UTC"), catchup=False, default_args=ONCE_MORE, tags=["example"])
def etl_orders_cleanup():
    @task
    def forget(data_interval_end=None):
        with closing(database()) as db:
            orders.migrate(db)
            print("forgotten:", orders.forget(db, data_interval_end.subtract(days=90).isoformat()))

    @task
    def vacuum():
        with closing(database()) as db:
            if isinstance(db, sqlite3.Connection):
                db.isolation_level = None
            else:
                # PostgreSQL does it outside of transactions only.
                db.set_session(autocommit=True)
            db.cursor().execute("VACUUM")

    forget() >> vacuum()


etl_orders()
etl_orders_cleanup()
