// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.accountant;

import java.util.Locale;
import java.util.Objects;

/**
 * How the noise of a step is mixed from independent draws, so that the noise of later steps cancels a part of that of earlier ones.
 *
 * <p>Step t of a run releases {@code x_t + n_t}, where {@code n_t} is a fixed linear combination of the independent draws {@code z_1 ... z_t}. With C the lower-triangular Toeplitz matrix of the strategy,
 * {@code n = C^-1 z}, so that the released sequence is {@code C^-1 (C x + z)}: the Gaussian mechanism on {@code C x}, and post-processing. {@link CorrelationMatrix} has the coefficients of C and its sensitivity.
 *
 * @param strategy which family C is from
 * @param bands of C for {@link Strategy#BAND_MF} and {@link Strategy#BANDED_SQUARE_ROOT}, of {@code C^-1} for {@link Strategy#BISR} and {@link Strategy#LAMBDA_CGD}, from 2 to 1024
 * @param lambda the part of the last draw that is taken away, in (0, 1), for {@link Strategy#LAMBDA_CGD}; 0 for all others
 * @see <a href="https://arxiv.org/abs/2103.00039">Kairouz et al. 2021</a>
 * @see <a href="https://arxiv.org/abs/2306.08153">Choquette-Choo et al. 2023</a>
 */
public record CorrelatedNoise(Strategy strategy, int bands, double lambda) {
    private static final int MOST_BANDS = 1024;

    /**
     * The families of matrices.
     *
     * @see <a href="https://arxiv.org/abs/2306.08153">Choquette-Choo et al. 2023</a>, banded factorization
     * @see <a href="https://arxiv.org/abs/2505.12128">banded inverse square root</a>
     * @see <a href="https://arxiv.org/abs/2601.22334">lambda-CGD</a>
     */
    public enum Strategy {
        /** {@code n_t = z_t - lambda z_(t-1)} (arXiv 2601.22334): one earlier draw is drawn again, and nothing is kept. */
        LAMBDA_CGD,
        /** {@code C^-1} is the square root of the inverse prefix-sum matrix, cut to its first bands (arXiv 2505.12128): {@code bands - 1} earlier draws are drawn again, and nothing is kept. */
        BISR,
        /** C is the square root of the prefix-sum matrix, cut to its first bands (Kalinin and Lampert 2024, arXiv 2405.13763): {@code bands - 1} noise vectors are kept in memory. */
        BANDED_SQUARE_ROOT,
        /** C is the banded Toeplitz matrix with the least mean squared error of prefix sums (arXiv 2306.08153): {@code bands - 1} noise vectors are kept in memory. */
        BAND_MF;

        /** Whether C has bands, so that an example influences the noise of {@code bands} steps only; otherwise its inverse has. */
        public boolean isBanded() {
            return this == BANDED_SQUARE_ROOT || this == BAND_MF;
        }
    }

    /** Checks the numbers; {@code IllegalArgumentException} if one is out of its range. */
    public CorrelatedNoise {
        Objects.requireNonNull(strategy, "strategy");
        if (bands < 2 || bands > MOST_BANDS) {
            throw new IllegalArgumentException("bands must be from 2 to " + MOST_BANDS + ", was " + bands);
        }
        if (strategy == Strategy.LAMBDA_CGD) {
            if (!(lambda >= CorrelationMatrix.UNIT && lambda <= 1 - CorrelationMatrix.UNIT)) {
                throw new IllegalArgumentException("lambda must be in (0, 1), was " + lambda);
            }
            if (bands != 2) {
                throw new IllegalArgumentException("bands must be 2 for LAMBDA_CGD, was " + bands);
            }
        } else if (lambda != 0) {
            throw new IllegalArgumentException("lambda must be 0 for " + strategy + ", was " + lambda);
        }
    }

    /**
     * {@code n_t = z_t - lambda z_(t-1)}.
     *
     * @param lambda in (0, 1): 0.9 as a rule; larger for longer runs
     * @throws IllegalArgumentException if {@code lambda} is not in (0, 1)
     */
    public static CorrelatedNoise lambdaCgd(double lambda) {
        return new CorrelatedNoise(Strategy.LAMBDA_CGD, 2, lambda);
    }

    /**
     * The banded inverse square root.
     *
     * @param bands p, from 2 to 1024; a step draws the noise of {@code p - 1} earlier steps again
     * @throws IllegalArgumentException if {@code bands} is out of its range
     */
    public static CorrelatedNoise bisr(int bands) {
        return new CorrelatedNoise(Strategy.BISR, bands, 0);
    }

    /**
     * The banded square root.
     *
     * @param bands b, from 2 to 1024
     * @throws IllegalArgumentException if {@code bands} is out of its range
     */
    public static CorrelatedNoise bandedSquareRoot(int bands) {
        return new CorrelatedNoise(Strategy.BANDED_SQUARE_ROOT, bands, 0);
    }

    /**
     * Banded matrix factorization with coefficients that are optimized for the length of the run.
     *
     * @param bands b, from 2 to 1024
     * @throws IllegalArgumentException if {@code bands} is out of its range
     */
    public static CorrelatedNoise bandMf(int bands) {
        return new CorrelatedNoise(Strategy.BAND_MF, bands, 0);
    }

    /** Whether C has bands. */
    public boolean isBanded() {
        return strategy.isBanded();
    }

    /** In a few words. */
    public String describe() {
        return switch (strategy) {
            case LAMBDA_CGD -> "lambda-CGD, lambda " + lambda;
            case BISR -> "banded inverse square root, " + bands + " bands";
            case BANDED_SQUARE_ROOT -> "banded square root, " + bands + " bands";
            case BAND_MF -> "banded matrix factorization, " + bands + " bands";
        };
    }

    /** {@code lambda-cgd:0.9}, {@code bisr:8}, {@code banded-square-root:8} or {@code band-mf:8}: what {@link #parse} reads. */
    public String code() {
        String name = strategy.name().toLowerCase(Locale.ROOT).replace('_', '-');
        return name + ":" + (strategy == Strategy.LAMBDA_CGD ? String.valueOf(lambda) : String.valueOf(bands));
    }

    /**
     * Reads {@link #code()}.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static CorrelatedNoise parse(String code) {
        int colon = code.indexOf(':');
        if (colon > 0) {
            String name = code.substring(0, colon);
            String number = code.substring(colon + 1);
            for (Strategy strategy : Strategy.values()) {
                if (strategy.name().toLowerCase(Locale.ROOT).replace('_', '-').equals(name)) {
                    try {
                        return strategy == Strategy.LAMBDA_CGD
                                ? lambdaCgd(Double.parseDouble(number))
                                : new CorrelatedNoise(strategy, Integer.parseInt(number), 0);
                    } catch (NumberFormatException e) {
                        break; // refused below, like any other text
                    }
                }
            }
        }
        throw new IllegalArgumentException("correlated noise must be lambda-cgd:LAMBDA, bisr:BANDS,"
                + " banded-square-root:BANDS or band-mf:BANDS, was " + code);
    }
}
