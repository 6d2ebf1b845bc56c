"""SparkPi through Livy, by the connection `livy_svc` (AIRFLOW_CONN_LIVY_SVC)."""

import pendulum
from airflow import DAG
from airflow.providers.apache.livy.operators.livy import LivyOperator

with DAG(
    dag_id="livy_pi",
    schedule=None,
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=False,
) as dag:
    LivyOperator(
        task_id="spark_pi",
        livy_conn_id="livy_svc",
        file="local:///opt/spark/examples/jars/spark-examples_2.12-3.5.6.jar",
        class_name="org.apache.spark.examples.SparkPi",
        args=["10"],
        # Livy answers 400 where a live batch has the same name, so the name carries the run and the try.
        name="livy-pi-{{ ts_nodash | lower }}-{{ ti.try_number }}",
        conf={"spark.executor.instances": "1"},
        polling_interval=2,
    )
