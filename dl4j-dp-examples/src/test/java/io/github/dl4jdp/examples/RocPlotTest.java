// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dl4jdp.audit.RocCurve;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RocPlotTest {
    @Test
    void save_curvesAndLimits_drawsThemInTheirColors(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("roc.png");
        var members = new double[2000];
        var others = new double[2000];
        for (int i = 0; i < 2000; i++) {
            members[i] = i + 500;
            others[i] = i;
        }
        new RocPlot("title", 1e-3)
                .curve("attack", RocCurve.of(members, others), Color.RED)
                .curve("finds nobody", RocCurve.of(new double[] {0}, new double[] {1}), Color.GREEN)
                .limit("guessing", rate -> rate, Color.BLUE)
                .save(file);

        BufferedImage image = ImageIO.read(file.toFile());
        assertThat(pixels(image, Color.RED)).isGreaterThan(50);
        assertThat(pixels(image, Color.BLUE)).isGreaterThan(50);
    }

    private static int pixels(BufferedImage image, Color color) {
        int count = 0;
        for (int x = 0; x < image.getWidth(); x++) {
            for (int y = 0; y < image.getHeight(); y++) {
                count += image.getRGB(x, y) == color.getRGB() ? 1 : 0;
            }
        }
        return count;
    }
}
