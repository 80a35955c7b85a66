// Boots one OpenSearch node in this JVM: its jars on the class path, its modules under <home>/modules.
// The shipped bootstrap is passed by, as it wants an installation and its security agent.
//   Boot <home> <run folder> [setting=value ...]
// What the node writes lies in the run folder, so that several nodes share one home. The HTTP port is the
// system's choice and is told in <run folder>/http.port. The end of standard input stops the node and removes
// the run folder: neither outlives what started it, even if that was killed.
package scoreback.node;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.node.Node;

public class Boot {
    private static volatile boolean orphaned;

    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath();
        Path run = Path.of(args[1]).toAbsolutePath();
        Settings.Builder settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", run.resolve("data").toString())
            .put("path.logs", run.resolve("logs").toString())
            .put("cluster.name", "scoreback-tests")
            .put("node.name", "node-1")
            .put("http.host", "127.0.0.1")
            .put("http.port", "0")
            .put("transport.host", "127.0.0.1")
            .put("transport.port", "0")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("discovery.type", "single-node")
            // A machine with a full disk shall not fail tests that are not about it.
            .put("cluster.routing.allocation.disk.threshold_enabled", false);
        for (int i = 2; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        Environment environment = new Environment(settings.build(), home.resolve("config"));
        LogConfigurator.registerErrorListener();
        LogConfigurator.configure(environment);
        Node node = new Node(environment);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
                node.awaitClose(10, TimeUnit.SECONDS);
            } catch (Exception failure) {
                failure.printStackTrace();
            }
            if (orphaned) {
                remove(run);
            }
            stopped.countDown();
        }));
        stopWithStandardInput();
        node.start();
        tellPort(node, run);
        stopped.await();
    }

    private static void stopWithStandardInput() {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException gone) {
                // As good as the end.
            }
            orphaned = true;
            System.exit(0);
        });
        watch.setDaemon(true);
        watch.start();
    }

    private static void remove(Path folder) {
        try (Stream<Path> all = Files.walk(folder)) {
            all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        } catch (IOException failure) {
            failure.printStackTrace();
        }
    }

    private static void tellPort(Node node, Path run) throws IOException {
        HttpServerTransport http = node.injector().getInstance(HttpServerTransport.class);
        Path half = Files.writeString(run.resolve("http.port.new"), "" + http.boundAddress().publishAddress().getPort());
        Files.move(half, run.resolve("http.port"), StandardCopyOption.ATOMIC_MOVE);
    }
}
