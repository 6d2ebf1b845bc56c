package windlass.tests;

import java.security.CodeSource;
import java.util.List;
import java.util.TreeSet;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Loads the classes named by its arguments in the driver and in an executor, and says from which jar each came.
 * A class that is missing on either side fails the job. Proves that shared libraries reach both.
 */
public final class UsesClass {
    private UsesClass() {}

    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            throw new IllegalArgumentException("usage: UsesClass CLASS...");
        }
        SparkSession spark = SparkSession.builder().appName("UsesClass").getOrCreate();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        for (String name : args) {
            System.out.println("driver loaded " + name + " from " + origin(name));
            for (String origin : new TreeSet<>(context.parallelize(List.of(1, 2), 2).map(part -> origin(name)).collect())) {
                System.out.println("executor loaded " + name + " from " + origin);
            }
        }
        spark.stop();
    }

    private static String origin(String name) throws ClassNotFoundException {
        Class<?> type = Class.forName(name, true, Thread.currentThread().getContextClassLoader());
        CodeSource source = type.getProtectionDomain().getCodeSource();
        return source == null ? "the JVM" : source.getLocation().toString();
    }
}
