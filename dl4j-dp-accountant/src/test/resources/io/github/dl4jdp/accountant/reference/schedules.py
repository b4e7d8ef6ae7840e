# SPDX-License-Identifier: Apache-2.0
"""Writes schedules.csv: deltas of compositions of many kinds of Poisson-sampled Gaussians, by the integral of contour.py beside it.

    pip install numpy==2.4.6 && python3 schedules.py 10 > schedules.csv

Kind i of n has q = q (q_last / q)^t and sigma = sigma (sigma_last / sigma)^t, t = i / (n - 1), and happens count times.
"""
import sys

import numpy as np
from contour import delta, kinds, moment, nodes

RANDOM = np.random.default_rng(3)


def number(value):
    return float("%.6g" % value)


def main():
    print("relation,kinds,q,q_last,sigma,sigma_last,count,epsilon,delta", flush=True)
    rows = 0
    while rows < int(sys.argv[1]):
        relation = str(RANDOM.choice(["ADD_OR_REMOVE_ONE", "REPLACE_ONE"]))
        n = int(RANDOM.integers(40, 60))
        q = number(10 ** RANDOM.uniform(-3.5, -1))
        sigma = number(10 ** RANDOM.uniform(-0.3, 0.7))
        what = RANDOM.integers(0, 3)
        q_last = number(min(0.4, q * 10 ** RANDOM.uniform(-0.7, 0.7))) if what != 0 else q
        sigma_last = number(max(0.4, sigma * 10 ** RANDOM.uniform(-0.4, 0.4))) if what != 1 else sigma
        count = int(10 ** RANDOM.uniform(0, 2.5))
        t = np.arange(n) / (n - 1)
        parts = []
        for a, b in zip(q * (q_last / q) ** t, sigma * (sigma_last / sigma) ** t):
            parts.append((kinds(relation, float(a), float(b), 1) + (float(b),), count))
        r = 10 ** RANDOM.uniform(0, 1.5)
        found = [nodes(event, r, 0) for event, _ in parts]
        if any(f is None for f in found):
            continue
        log = lambda v: sum(m * moment(f[0], f[1], np.array([v + 0j]))[0].real for f, (_, m) in zip(found, parts))
        h = 1e-3 * r
        e = float("%.3g" % ((log(r + h) - log(r - h)) / (2 * h)))
        if not 0.01 < e < 60:
            continue
        d = delta(parts, e, r)
        if d is None or not 1e-14 < d < 0.1:
            continue
        print(relation, n, q, q_last, sigma, sigma_last, count, e, "%.10g" % d, sep=",", flush=True)
        rows += 1


main()
