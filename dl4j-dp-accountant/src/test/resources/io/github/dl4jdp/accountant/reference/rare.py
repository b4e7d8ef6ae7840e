# SPDX-License-Identifier: Apache-2.0
"""Writes rare.csv: deltas down to 1e-30 of one Poisson-sampled Gaussian, by its closed form in 50-digit arithmetic.

    pip install mpmath==1.3.0 && python3 rare.py 5 150 > rare.csv

Deltas are the larger of both directions, at z = exp(epsilon).
"""
import random
import sys

from mpmath import erfc, exp, log, mp, mpf, sqrt

mp.dps = 50


def above(z):
    return erfc(z / sqrt(2)) / 2


class AddOrRemove:
    def __init__(self, q, sigma):
        self.q, self.sigma = mpf(q), mpf(sigma)

    def delta(self, z):
        q, sigma = self.q, self.sigma
        if z <= 1 - q:
            return 1 - z
        x = sigma**2 * log((z - 1 + q) / q) + mpf(1) / 2
        return (1 - q - z) * above(x / sigma) + q * above((x - 1) / sigma)


class Replace(AddOrRemove):
    def delta(self, z):
        q, sigma = self.q, self.sigma
        if z < 1:
            return 1 - z + z * self.delta(1 / z)
        # q c y + (1 - q) (1 - z) - z q c / y = 0 with y = exp(x / (2 sigma^2))
        a, b = q * exp(-1 / (8 * sigma**2)), (1 - q) * (1 - z)
        x = 2 * sigma**2 * log((-b + sqrt(b * b + 4 * a * a * z)) / (2 * a))
        half = mpf(1) / 2
        return b * above(x / sigma) + q * above((x - half) / sigma) - z * q * above((x + half) / sigma)


def delta(event, epsilon):
    z = exp(mpf(epsilon))
    return max(event.delta(z), 1 - z + z * event.delta(1 / z))


def main():
    draw = random.Random(int(sys.argv[1]))
    print("relation,q,sigma,epsilon,delta")
    rows = 0
    while rows < int(sys.argv[2]):
        q, sigma = 10 ** draw.uniform(-9, -0.1), 10 ** draw.uniform(-0.6, 1.3)
        epsilon = 10 ** draw.uniform(-3.3, 1.3)
        relation = draw.choice(["ADD_OR_REMOVE_ONE", "REPLACE_ONE"])
        event = (AddOrRemove if relation == "ADD_OR_REMOVE_ONE" else Replace)(q, sigma)
        value = delta(event, epsilon)
        if 1e-30 < value < 1e-3:
            print(relation, repr(q), repr(sigma), repr(epsilon), mp.nstr(value, 15), sep=",", flush=True)
            rows += 1


main()
