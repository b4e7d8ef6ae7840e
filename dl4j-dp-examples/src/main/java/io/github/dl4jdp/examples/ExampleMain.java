// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import io.github.dl4jdp.accountant.RoundedBounds;
import io.github.dl4jdp.core.DpSgdPlan;
import io.github.dl4jdp.core.PrivacyEngine;
import io.github.dl4jdp.core.PrivacyListener;
import io.github.dl4jdp.core.data.RandomAccessExamples;
import io.github.dl4jdp.core.monitor.PrivacyProgress;
import io.github.dl4jdp.examples.data.ImageSet;
import io.github.dl4jdp.examples.data.MissingDataException;
import io.github.dl4jdp.examples.data.TrainTest;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What the mains have in common: {@code --help} and {@code --version}, numbered cells, and a message instead of a stack trace for missing data. */
@Command(mixinStandardHelpOptions = true, versionProvider = ExampleMain.Version.class, showDefaultValues = false)
abstract class ExampleMain implements Callable<Integer> {
    /** Exit code for data that are not there. */
    static final int NO_DATA = 3;

    /** How often a training run says where it stands. */
    private static final int REPORTS = 20;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private CommandSpec spec;

    @Mixin
    private final PrivacyOptions privacy = new PrivacyOptions();

    private final double defaultEpsilon;
    private int cells;

    /** Creates a main whose {@code --epsilon} has this default. */
    ExampleMain(double defaultEpsilon) {
        this.defaultEpsilon = defaultEpsilon;
    }

    /** The options that every main has. */
    final PrivacyOptions privacy() {
        return privacy;
    }

    /** The notebook: its cells, from top to bottom. */
    abstract void run() throws Exception;

    @Override
    public final Integer call() throws Exception {
        for (OptionSpec option : spec.options()) {
            if (option.longestName().equals(PlotOption.NAME)) {
                requireWritable(option.getValue());
            }
        }
        run();
        out().flush();
        return CommandLine.ExitCode.OK;
    }

    /** Refuses a picture that cannot be written, before anything is trained for it. */
    private void requireWritable(Path picture) {
        Path file = picture.toAbsolutePath();
        Path folder = file.getParent();
        String problem = null;
        if (!file.toString().endsWith(".png")) {
            problem = "must end in .png";
        } else if (Files.isDirectory(file)) {
            problem = "must be a file, not a folder";
        } else if (Files.exists(file) && !Files.isWritable(file)) {
            problem = "must be a file that can be written to";
        } else {
            try {
                Files.createDirectories(folder);
                Files.delete(Files.createTempFile(folder, "picture", ".png"));
            } catch (IOException e) {
                problem = "must be in a folder that can be written to";
            }
        }
        if (problem != null) {
            throw new ParameterException(
                    spec.commandLine(), "Invalid value for " + PlotOption.NAME + ": " + problem + ", was " + picture);
        }
    }

    /** Begins the next cell: prints its number and what it is about. */
    final void cell(String title) {
        cells++;
        print("");
        print("[" + cells + "] " + title);
    }

    /** Prints a line (or several). */
    final void print(Object text) {
        out().println(text);
        out().flush();
    }

    /** Images, with {@code --quick} the first {@code count} of each kind, if there are more; prints how many there are. */
    final TrainTest<ImageSet> shortened(TrainTest<ImageSet> images, int count) {
        TrainTest<ImageSet> used = images.map(all -> privacy.quick && all.size() > count ? all.first(count) : all);
        print(used.train().size() + " training images, " + used.test().size() + " test images");
        return used;
    }

    /**
     * The number of training examples for a plan: a constant that is known of the data set, so that the guarantee hides how many examples there are too. A quick run, a rehearsal on whatever data there are,
     * counts them.
     */
    final int size(int constant, int counted) {
        return privacy.quick ? counted : constant;
    }

    /** A number for people to read, the same in every locale. */
    static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }

    /** A fraction as a percentage. */
    static String percent(double fraction) {
        return number("%.2f %%", 100 * fraction);
    }

    /** DL4J's own fit on the engine's lots of {@code data}, for the whole plan, with a progress display. */
    static void fitWithProgress(MultiLayerNetwork network, PrivacyEngine engine, DataSet data) {
        fitWithProgress(network, engine, RandomAccessExamples.of(data));
    }

    /** As above, for data that need not be in memory. */
    static void fitWithProgress(MultiLayerNetwork network, PrivacyEngine engine, RandomAccessExamples data) {
        fitWithProgress(network, engine, engine.lots(data));
    }

    /** As above, for lots that were asked for. */
    static void fitWithProgress(MultiLayerNetwork network, PrivacyEngine engine, DataSetIterator lots) {
        DpSgdPlan plan = engine.plan();
        int every = Math.toIntExact(Math.max(1, plan.steps() / REPORTS));
        try (var progress = new PrivacyProgress()) {
            network.addListeners(new PrivacyListener(engine, every).reportTo(progress));
            network.fit(lots, plan.epochs());
        }
    }

    /** The cell of private training, for the whole plan, with its report. */
    final void trainPrivately(MultiLayerNetwork network, PrivacyEngine engine, RandomAccessExamples train) {
        cell("Private training: DL4J's own fit, on the engine's lots");
        fitWithProgress(network, engine, train);
        print(engine.report());
    }

    /** The last cells of the mains that train on features: private training, and the test accuracy; {@code name} is the model's line in the table. */
    final void trainOnFeatures(String name, MultiLayerNetwork network, DpSgdPlan plan, TrainTest<FeatureSet> sets) {
        PrivacyEngine engine = PrivacyEngine.attach(network, plan);
        trainPrivately(network, engine, sets.train().examples());

        cell("Test accuracy");
        print(new Table("model", "epsilon", "test accuracy")
                .row("guessing", "0", "10.00 %")
                .row(
                        name,
                        RoundedBounds.upper(engine.epsilon(), 4),
                        percent(sets.test().accuracy(network))));
        engine.close();
    }

    /** The version of the library that the mains were built with. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String number = ExampleMain.class.getPackage().getImplementationVersion();
            return new String[] {"dl4j-dp-examples " + (number == null ? "development" : number)};
        }
    }

    /** The command line that this main was parsed from, for errors in it. */
    final CommandLine parsedFrom() {
        return spec.commandLine();
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** Parses the command line and runs a main; returns its exit code. */
    static int execute(ExampleMain main, String... args) {
        return commandLine(main).execute(args);
    }

    /** The command line of a main. */
    static CommandLine commandLine(ExampleMain main) {
        CommandLine commandLine = new CommandLine(main);
        commandLine.setDefaultValueProvider(argument ->
                argument instanceof OptionSpec option && option.longestName().equals("--epsilon")
                        ? Double.toString(main.defaultEpsilon)
                        : null);
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        return commandLine.setExecutionExceptionHandler((exception, command, parsed) -> {
            if (exception instanceof MissingDataException) {
                command.getErr().println(exception.getMessage());
                return NO_DATA;
            }
            throw exception;
        });
    }
}
