package org.apache.spark.examples;

import java.util.concurrent.ThreadLocalRandom;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import java.util.ArrayList;
import java.util.List;

/** Stands in for the class of this name in Spark's examples jar, with its argument (slices, default 2) and its output. */
public final class SparkPi {
    private SparkPi() {}

    public static void main(String[] args) {
        SparkSession spark = SparkSession.builder().appName("Spark Pi").getOrCreate();
        int slices = args.length > 0 ? Integer.parseInt(args[0]) : 2;
        int n = (int) Math.min(100000L * slices, Integer.MAX_VALUE);
        int each = n / slices;
        List<Integer> parts = new ArrayList<>();
        for (int i = 0; i < slices; i++) {
            parts.add(i);
        }
        long inside = JavaSparkContext.fromSparkContext(spark.sparkContext())
            .parallelize(parts, slices)
            .map(part -> {
                ThreadLocalRandom random = ThreadLocalRandom.current();
                long hits = 0;
                for (int i = 0; i < each; i++) {
                    double x = random.nextDouble() * 2 - 1;
                    double y = random.nextDouble() * 2 - 1;
                    if (x * x + y * y <= 1) {
                        hits++;
                    }
                }
                return hits;
            })
            .reduce(Long::sum);
        System.out.println("Pi is roughly " + 4.0 * inside / ((long) each * slices));
        spark.stop();
    }
}
