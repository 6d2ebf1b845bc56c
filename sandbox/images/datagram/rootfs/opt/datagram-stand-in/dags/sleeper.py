"""A task that takes a minute and says so every five seconds: for rollouts and restarts in the middle of it."""

import logging
import time

import pendulum
from airflow import DAG
from airflow.operators.python import PythonOperator


def sleep_a_minute():
    for second in range(0, 60, 5):
        logging.getLogger("airflow.task").info("slept %s of 60 seconds", second)
        time.sleep(5)


with DAG(
    dag_id="sleeper",
    schedule=None,
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=False,
) as dag:
    PythonOperator(task_id="sleep", python_callable=sleep_a_minute)
