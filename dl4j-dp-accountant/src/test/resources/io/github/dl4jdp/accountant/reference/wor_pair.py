# SPDX-License-Identifier: Apache-2.0
"""Writes wor_pair.csv: Renyi divergences of the pair that dominates sampling without replacement, by quadrature in 30-digit arithmetic.

    pip install mpmath==1.3.0 && python3 wor_pair.py > wor_pair.csv

With Q = N(0, s^2), P = (1 - q) Q + q N(1, s^2) and u = P/Q - 1, exp((a - 1) R(a)) = 1 + integral over u > 0 of Q ((1 + u)^a + (1 + u)^(1 - a) - 2
- u); u > 0 where x > 1/2. The settings are those of wor_rdp.csv.
"""
import csv
import os

from mpmath import exp, expm1, inf, log, log1p, mp, mpf, pi, quad, sqrt

mp.dps = 30


def divergence(q, s, a):
    def integrand(x):
        u = q * expm1((2 * x - 1) / (2 * s * s))
        density = exp(-x * x / (2 * s * s)) / (s * sqrt(2 * pi))
        return density * ((1 + u) ** a + (1 + u) ** (1 - a) - 2 - u)

    ends = sorted({mpf(1) / 2} | {c + k * s for c in (mpf(1), mpf(2), a) for k in range(-12, 13, 2) if c + k * s > mpf(1) / 2})
    return log1p(quad(integrand, ends + [ends[-1] + 12 * s, inf])) / (a - 1)


print("q,sigma,order,rdp_pair")
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "wor_rdp.csv")) as file:
    for i, row in enumerate(csv.DictReader(line for line in file if not line.startswith("#"))):
        if i % 3 == 0:
            value = divergence(mpf(row["q"]), mpf(row["sigma"]), mpf(row["order"]))
            print(row["q"], row["sigma"], row["order"], mp.nstr(value, 17), sep=",", flush=True)
