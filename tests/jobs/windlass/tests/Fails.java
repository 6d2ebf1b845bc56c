package windlass.tests;

import org.apache.spark.sql.SparkSession;

/** A job whose class throws, once Spark is up: the driver pod must end as failed, with this message in its last lines. */
public final class Fails {
    private Fails() {}

    public static void main(String[] args) {
        SparkSession.builder().appName("Fails").getOrCreate();
        throw new IllegalStateException("this job fails on purpose");
    }
}
