// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Draws and checks one case after the other, and keeps the counts. */
final class Campaign {
    private final Map<Finding.Kind, Integer> counts = new EnumMap<>(Finding.Kind.class);
    private final Map<String, Integer> parts = new TreeMap<>();
    private int drawn;
    private int undrawable;

    Finding check(FuzzCase one) {
        Finding finding = Checks.of(one);
        counts.merge(finding.kind(), 1, Integer::sum);
        if (finding.isFault() || finding.kind() == Finding.Kind.HOLDS) {
            one.network().parts().forEach(part -> parts.merge(part, 1, Integer::sum));
        }
        return finding;
    }

    /** The case of a seed; null where DL4J cannot build what was drawn. */
    @Nullable
    FuzzCase draw(long seed) {
        FuzzCase one = Generator.draw(seed);
        drawn++;
        if (one == null) {
            undrawable++;
        }
        return one;
    }

    java.util.Set<String> partsThatHeld() {
        return parts.keySet();
    }

    int count(Finding.Kind kind) {
        return counts.getOrDefault(kind, 0);
    }

    @Override
    public String toString() {
        return drawn + " drawn, " + undrawable + " of them not possible in DL4J; " + counts + "; trained parts: "
                + parts;
    }

    /** Runs from the seed {@code args[0]} for {@code args[1]} seconds, and writes every fault to the folder {@code args[2]}. */
    public static void main(String[] args) throws IOException {
        var campaign = new Campaign();
        long seed = Long.parseLong(args[0]);
        long end = System.nanoTime() + Long.parseLong(args[1]) * 1_000_000_000L;
        Path folder = Files.createDirectories(Path.of(args[2]));
        boolean verbose = args.length > 3 && args[3].contains("v");
        boolean skipRandom = args.length > 3 && args[3].contains("s");
        for (; System.nanoTime() < end; seed++) {
            Files.writeString(folder.resolve("current"), Long.toString(seed));
            FuzzCase one = campaign.draw(seed);
            if (one == null || (skipRandom && Generator.isRandom(one.network()))) {
                continue;
            }
            long start = System.nanoTime();
            Finding finding = campaign.check(one);
            if (finding.isFault() || verbose) {
                System.out.println(finding + "\n   " + one + "  (" + (System.nanoTime() - start) / 1_000_000 + " ms)");
            }
            if (finding.isFault()) {
                FuzzCase small = Shrinker.shrink(one, finding, finding.kind() == Finding.Kind.CRASH ? 20 : 120);
                System.out.println("   shrunk: " + Checks.of(small) + "\n   " + small);
                Files.writeString(
                        folder.resolve(finding.kind() + "-" + seed + ".java"), Program.of(small, Checks.of(small)));
            }
        }
        System.out.println("to seed " + seed + ": " + campaign);
    }
}
