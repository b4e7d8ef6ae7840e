# SPDX-License-Identifier: Apache-2.0
"""Writes contour.csv: deltas of random compositions, by an integral in the complex plane: no lattice, no transform, no tails.

    pip install numpy==2.4.6 && python3 contour.py 95 > contour.csv

With L the sum of losses, M(z) = E_P[exp(z L)] is the product of the events' own moments, and for any r > 0

    delta(e) = 1 / (2 pi) integral over t of M(z) exp(-z e) / (z (z + 1)),  z = r + i t.

Moments of one event are integrals over its outcome by the trapezoidal rule, which converges geometrically. Every value is computed at two
r with different steps and kept where both agree to 1e-7; rare large losses, for which M does not decay, drop out so. Deltas are the
larger of both directions. Kinds of events: P and Q are mixtures of N(c, s^2) with the weights p and q.
"""
import json
import sys

import numpy as np

RANDOM = np.random.default_rng(13)


def kinds(relation, q, s, k):
    if relation == "REPLACE_ONE":
        return [-0.5, 0, 0.5], [0, 1 - q, q], [q, 1 - q, 0], [-q, 0, q]
    p = [1.0]
    for _ in range(k):
        p = np.convolve(p, [1 - q, q])
    d = list(p)
    d[0] = -sum(p[1:])
    return list(range(k + 1)), list(p), [1] + [0] * k, d


def nodes(event, r, reach):
    c, p, q, d, s = event
    low, high = min(c) - 12 * s, max(c) + 12 * s + (2 * r + 3) * (max(c) - min(c))
    low -= (2 * r + 3) * (max(c) - min(c)) if min(c) < 0 else 0
    step = min(0.25 * s, 0.25 * s * s, 0.4 * s * s / (max(c) - min(c)) / max(reach, 1e-9))
    n = int((high - low) / step) + 1
    if n > 60000:
        return None
    x = np.linspace(low, high, n)
    e = -((x[:, None] - np.array(c)) ** 2) / (2 * s * s)
    top = e.max(axis=1)
    w = np.exp(e - top[:, None])
    weight = np.log((x[1] - x[0]) / (s * np.sqrt(2 * np.pi))) + top
    bq, bp, bd = w @ np.array(q), w @ np.array(p), w @ np.array(d)
    with np.errstate(all="ignore"):
        loss = np.where(np.abs(bd) < 0.5 * bq, np.log1p(bd / bq), np.log(bp) - np.log(bq))
        return loss, weight + np.log(bp), weight + np.log(bq)


def moment(loss, log, z):
    out = np.empty(len(z), complex)
    keep = np.isfinite(loss) & np.isfinite(log) & (log > -650)
    loss, log = loss[keep], log[keep]
    for i, v in enumerate(z):
        with np.errstate(all="ignore"):
            small = np.abs(v * loss) < 1
            term = np.where(small, np.expm1(np.where(small, v * loss, 0)) * np.exp(log), np.exp(v * loss + log) - np.exp(log))
        out[i] = term.sum()
    return np.log1p(out)


def one(parts, e, r, reverse, points):
    def total(z, reach):
        sum_ = 0
        for event, count in parts:
            found = nodes(event, r, reach)
            if found is None:
                return None
            loss, lp, lq = found
            sum_ = sum_ + count * (moment(-loss, lq, z) if reverse else moment(loss, lp, z))
        return sum_

    if total(np.array([r + 0j]), 0) is None:
        return None
    at = lambda v: total(np.array([v + 0j]), 0)[0].real
    h = 1e-2 * r
    curvature = (at(r + h) + at(r - h) - 2 * at(r)) / (h * h) + 1 / r**2
    if not 0 < curvature < np.inf:
        return None
    reach = 12 / np.sqrt(curvature)
    t = np.linspace(0, reach, points)
    z = r + 1j * t
    m = total(z, reach)
    if m is None:
        return None
    top = m[0].real - r * e - np.log(r * (r + 1))
    g = np.exp(m - z * e - np.log(z) - np.log1p(z) - top).real
    if not np.abs(g[-points // 20 :]).max() < 1e-9:
        return None
    value = (g.sum() - g[0] / 2) * (t[1] - t[0]) / np.pi * np.exp(top)
    return value if 0 < value < 1 else None


def delta(parts, e, r):
    largest = 0
    for reverse in (False, True):
        a = one(parts, e, r, reverse, 400)
        b = one(parts, e, r * 0.85, reverse, 700)
        if a is None or b is None:
            # The other direction decides where this one cannot be had and is far smaller by Chernoff's bound.
            return None
        if abs(a / b - 1) > 1e-7:
            return None
        largest = max(largest, b)
    return largest


def main():
    print("relation,event,epsilon,delta", flush=True)
    rows = tries = 0
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    while rows < limit and tries < 6000:
        tries += 1
        relation = str(RANDOM.choice(["ADD_OR_REMOVE_ONE", "ZERO_OUT", "REPLACE_ONE"], p=[0.5, 0.2, 0.3]))
        parts, events = [], []
        for _ in range(int(RANDOM.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
            q = 1.0 if RANDOM.random() < 0.1 else float("%.3g" % 10 ** RANDOM.uniform(-5, -0.1))
            s = float("%.3g" % 10 ** RANDOM.uniform(-0.7, 2))
            count = int(10 ** RANDOM.uniform(0, 6))
            k = 1 if relation == "REPLACE_ONE" or q == 1 or RANDOM.random() < 0.7 else int(RANDOM.integers(2, 5))
            if q == 1:
                event = {"type": "Gaussian", "noiseMultiplier": s}
                parts.append((([0, 1], [0, 1], [1, 0], [-1, 1], s), count))
            else:
                parts.append((kinds(relation, q, s, k) + (s,), count))
                if k == 1:
                    event = {"type": "PoissonSampled", "samplingProbability": q, "event": {"type": "Gaussian", "noiseMultiplier": s}}
                else:
                    c, p, _, _ = kinds(relation, q, s, k)
                    event = {"type": "GaussianMixture", "noiseMultiplier": s, "sensitivities": [float(v) for v in c], "probabilities": [float(v) for v in p]}
            events.append({"type": "SelfComposed", "event": event, "count": count})
        # A tilt near which delta comes from: epsilon is the tilted mean of the loss.
        r = 10 ** RANDOM.uniform(-0.3, 1.6)
        found = [nodes(event, r, 0) for event, _ in parts]
        if any(f is None for f in found):
            continue
        log = lambda v: sum(n * moment(f[0], f[1], np.array([v + 0j]))[0].real for f, (_, n) in zip(found, parts))
        with np.errstate(all="ignore"):
            e = float("%.4g" % ((log(r * 1.01) - log(r * 0.99)) / (0.02 * r)))
        if not 1e-3 < e < 200:
            continue
        value = delta(parts, e, r)
        if value is None or not 1e-15 < value < 0.5:
            continue
        event = events[0] if len(events) == 1 else {"type": "Composed", "events": events}
        print(relation, '"' + json.dumps(event, separators=(",", ":")).replace('"', '""') + '"', repr(e), "%.10g" % value, sep=",", flush=True)
        rows += 1


if __name__ == "__main__":
    main()
