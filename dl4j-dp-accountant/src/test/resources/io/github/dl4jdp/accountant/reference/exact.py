# SPDX-License-Identifier: Apache-2.0
"""Writes exact.csv: deltas of a few composed events, by closed forms and quadrature in 30-digit arithmetic.

    pip install mpmath==1.3.0 scipy==1.17.1 && python3 exact.py > exact.csv

A pair of distributions (P, Q) with loss L = log(P/Q) has H(e) = integral of max(0, P - exp(e) Q) for every real e. One event's H
is a closed form. Of two events it is the integral of P(x) H(e - L(x)), and so on: nothing is put on a grid of losses, nothing is
transformed. Integrals are by the tanh-sinh rule on pieces that end where the integrand has a kink; their estimated relative error
is below 1e-10. Only three events together are summed in doubles, by the trapezoidal rule, to 8 digits.
"""
import json
import sys

import numpy as np
from mpmath import binomial, erfc, exp, expm1, inf, log, mp, mpf, pi, quad, sqrt
from scipy.special import ndtr

mp.dps = 30
ONE = mpf(1)


def integral(f, ends):
    value, error = quad(f, ends, error=True)
    assert error <= max(abs(value), mpf(10) ** -15) * mpf(10) ** -10, (value, error)
    return value


def tail(z):
    return erfc(z / sqrt(mpf(2))) / 2


class Mixture:
    """P = sum p_k N(m_k, s^2) against Q = sum q_k N(m_k, s^2), L increasing; x_of(e) is where L is e; edge is a bound of L."""

    def __init__(self, centres, p, q, s, x_of, edge=None):
        self.m, self.p, self.q, self.s, self.x_of, self.edge = centres, p, q, s, x_of, edge

    def above(self, weights, x):
        if abs(x) == inf:
            return ONE if x < 0 else mpf(0)
        return sum(w * tail((x - m) / self.s) for w, m in zip(weights, self.m))

    def density(self, weights, x):
        c = self.s * sqrt(2 * pi)
        return sum(w * exp(-(((x - m) / self.s) ** 2) / 2) for w, m in zip(weights, self.m)) / c

    def loss(self, x):
        return log(self.density(self.p, x) / self.density(self.q, x))

    def h(self, e):
        x = self.x_of(e)
        return self.above(self.p, x) - exp(e) * self.above(self.q, x)

    def swapped(self):
        """Q against P, mirrored so that the loss increases again."""
        return Mixture([-m for m in self.m], self.q, self.p, self.s, lambda e: -self.x_of(-e), None if self.edge is None else -self.edge)

    def compose(self, other_h, e, kinks):
        """The integral of P(x) other_h(e - L(x)); kinks are the arguments where other_h has one."""
        low, high = min(self.m) - 14 * self.s, max(self.m) + 14 * self.s
        ends = [low, high] + [m + k * self.s for m in self.m for k in (-4, 0, 4)]
        ends += [x for x in (self.x_of(e - k) for k in kinks) if low < x < high]
        return integral(lambda x: self.density(self.p, x) * other_h(e - self.loss(x)), sorted(set(ends)))


def poisson(q, s):
    q, s = mpf(q), mpf(s)

    def x_of(e):
        ratio = (expm1(e) + q) / q
        return s * s * log(ratio) + ONE / 2 if ratio > 0 else -inf

    return Mixture([mpf(0), ONE], [1 - q, q], [ONE, mpf(0)], s, x_of, log(1 - q))


def replace(q, s):
    """(1 - q) N(0) + q N(1/2) against (1 - q) N(0) + q N(-1/2)."""
    q, s = mpf(q), mpf(s)

    def x_of(e):
        # with y = exp(x / (2 s^2)) and c = q exp(-1 / (8 s^2)):  c y^2 + (1 - q) (1 - E) y - E c = 0
        c, big = q * exp(-1 / (8 * s * s)), exp(e)
        b = (1 - q) * (1 - big)
        root = sqrt(b * b + 4 * c * c * big)
        y = (root - b) / (2 * c) if b < 0 else 2 * c * big / (b + root)
        return 2 * s * s * log(y)

    half = ONE / 2
    return Mixture([-half, mpf(0), half], [mpf(0), 1 - q, q], [q, 1 - q, mpf(0)], s, x_of)


class Symmetric:
    """The symmetric pair whose H is that of another pair for e >= 0: a fixed-size sample under replace-one."""

    def __init__(self, half):
        self.half = half

    def h(self, e):
        return self.half.h(e) if e >= 0 else 1 - exp(e) + exp(e) * self.half.h(-e)

    def swapped(self):
        return self

    def compose(self, other_h, e):
        """Integral over x where the half's loss is positive, the mirror image; the rest at loss zero."""
        a = self.half
        zero = a.x_of(mpf(0))
        # The symmetric pair's H has a kink at zero.
        ends = sorted([zero + a.s * k for k in (0, 0.5, 1, 2, 4, 8, 14)] + [a.x_of(e)])
        up = integral(lambda x: a.density(a.p, x) * other_h(e - a.loss(x)), ends)
        down = integral(lambda x: a.density(a.q, x) * other_h(e + a.loss(x)), ends)
        rest = 1 - a.above(a.p, zero) - a.above(a.q, zero)
        return up + down + rest * other_h(e)


class Laplace:
    """(1 - q) Lap(0, b) + q Lap(1, b) against Lap(0, b)."""

    def __init__(self, q, b, swap=False):
        self.qq, self.b, self.swap = mpf(q), mpf(b), swap

    def swapped(self):
        return Laplace(self.qq, self.b, not self.swap)

    def cdf(self, x, m):
        return exp((x - m) / self.b) / 2 if x < m else 1 - exp((m - x) / self.b) / 2

    def loss(self, x):
        t = (2 * x - 1) / self.b
        return log(1 - self.qq + self.qq * exp(t))

    def raw(self, e):
        """H of P against Q."""
        if e >= self.loss(ONE):
            return mpf(0)
        if e < self.loss(mpf(0)):
            return 1 - exp(e)
        x = (self.b * log((exp(e) - 1 + self.qq) / self.qq) + 1) / 2
        p = (1 - self.qq) * (1 - self.cdf(x, 0)) + self.qq * (1 - self.cdf(x, 1))
        return p - exp(e) * (1 - self.cdf(x, 0))

    def h(self, e):
        # int (q - e^e p)+ = e^e int (e^-e q - p)+ = e^e (H(-e) + e^-e - 1)
        return exp(e) * self.raw(-e) + 1 - exp(e) if self.swap else self.raw(e)

    def compose(self, other_h, e, breaks):
        """Atoms at both ends and the piece between, split where the other event's H has a kink."""
        p0 = (1 - self.qq) / 2 + self.qq * exp(-1 / self.b) / 2
        p1 = (1 - self.qq) * exp(-1 / self.b) / 2 + self.qq / 2
        q0, q1 = ONE / 2, exp(-1 / self.b) / 2
        sign = -1 if self.swap else 1
        w0, w1 = (q0, q1) if self.swap else (p0, p1)
        total = w0 * other_h(e - sign * self.loss(mpf(0))) + w1 * other_h(e - sign * self.loss(ONE))

        def f(x):
            q = exp(-x / self.b) / (2 * self.b)
            return (q if self.swap else q * exp(self.loss(x))) * other_h(e - sign * self.loss(x))

        points = [mpf(0)]
        for k in sorted(breaks):
            # the x where e - sign loss(x) = k
            target = exp((e - k) * sign)
            inner = (target - 1 + self.qq) / self.qq
            if inner > 0:
                x = (self.b * log(inner) + 1) / 2
                if 0 < x < 1:
                    points.append(x)
        points.append(ONE)
        return total + integral(f, sorted(points))


def twice(a, e):
    return a.compose(a.h, e, [mpf(0) if a.edge is None else a.edge])


def thrice(q, s, e, points):
    """H of three sampled Gaussian events, both directions, in doubles."""
    x = np.linspace(-12 * s, 1 + 12 * s, points + 1)
    step = x[1] - x[0]
    loss = np.log1p(q * np.expm1((2 * x - 1) / (2 * s * s)))
    density = np.exp(-x * x / (2 * s * s)) / (s * np.sqrt(2 * np.pi)) * step

    def h(t, back):
        """One event's H, of P against Q or of Q against P."""
        u = (np.expm1(-t if back else t) + q) / q
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(u > 0, s * np.log(np.maximum(u, 1e-300)) + 0.5 / s, -40)
        sign = -1 if back else 1
        at0, at1 = ndtr(-sign * z), ndtr(-sign * (z - 1 / s))
        p = (1 - q) * at0 + q * at1
        return at0 - np.exp(t) * p if back else p - np.exp(t) * at0

    values = []
    for back in (False, True):
        weight = density * (1 if back else np.exp(loss))
        signed = -loss if back else loss
        two = [np.sum(weight * h(e - a - signed, back)) for a in signed]
        values.append(np.sum(weight * two))
    return max(values)


def gaussian(s):
    return {"type": "Gaussian", "noiseMultiplier": s}


def sampled(q, s, kind="Gaussian"):
    return {"type": "PoissonSampled", "samplingProbability": q, "event": {"type": kind, "noiseMultiplier": s}}


def times(event, n):
    return event if n == 1 else {"type": "SelfComposed", "event": event, "count": n}


def row(event, relation, epsilon, delta):
    text = json.dumps(event, separators=(",", ":")).replace('"', '""')
    exact = mp.nstr(delta, 18) if delta > mpf(10) ** -30 else "0"  # what rounding leaves of nothing
    print('"%s",%s,%s,%s' % (text, relation, repr(float(epsilon)), exact))
    sys.stdout.flush()


def converged(f):
    """f(points) with the step halved until 8 digits stay."""
    points, one = 200, f(200)
    while points < 10000:
        points *= 2
        two = f(points)
        if abs(one / two - 1) < 1e-8:
            return mpf(two)
        one = two
    raise ArithmeticError("not converged")


def main():
    print("event,relation,epsilon,delta")
    add, swap_one = "ADD_OR_REMOVE_ONE", "REPLACE_ONE"
    for q, s, epsilons in [
        (0.01, 1.0, ["0.01", "0.1", "1", "4"]),
        (0.3, 0.5, ["0.1", "1", "8", "15"]),
        (0.0001, 0.7, ["0.0001", "0.01", "1"]),
        (0.5, 3.0, ["0.05", "0.5", "1.5"]),
        (0.9, 1.2, ["0.5", "3", "6"]),
    ]:
        a, b = poisson(q, s), poisson(q, s).swapped()
        for e in map(mpf, epsilons):
            row(sampled(q, s), add, e, max(a.h(e), b.h(e)))
            row(times(sampled(q, s), 2), add, e, max(twice(a, e), twice(b, e)))
    for q, s, e in [(0.01, 1.0, "0.5"), (0.3, 0.5, "8"), (0.5, 3.0, "1")]:
        row(times(sampled(q, s), 3), add, mpf(e), converged(lambda n: thrice(q, s, float(e), n)))
    for q, s, epsilons in [(0.1, 0.8, ["0.1", "1", "2"]), (0.01, 0.5, ["0.01", "0.5", "2"]), (0.7, 2.0, ["0.2", "1"])]:
        a = replace(q, s)
        for e in map(mpf, epsilons):
            row(sampled(q, s), swap_one, e, a.h(e))
            row(times(sampled(q, s), 2), swap_one, e, twice(a, e))
    for n, m, s, epsilons in [(100, 10, 1.0, ["0.1", "1", "3"]), (10, 5, 2.0, ["0.1", "1"])]:
        a = Symmetric(poisson(mpf(m) / n, s))
        event = {"type": "SampledWithoutReplacement", "sourceSize": n, "sampleSize": m, "event": gaussian(s)}
        for e in map(mpf, epsilons):
            row(event, swap_one, e, a.h(e))
            row(times(event, 2), swap_one, e, a.compose(a.h, e))
    for b, epsilons in [(1.0, ["0.1", "0.9"]), (4.0, ["0.01", "0.2"])]:
        a = Laplace(1, b)
        for e in map(mpf, epsilons):
            row({"type": "Laplace", "noiseMultiplier": b}, add, e, a.h(e))
            kinks = [-1 / a.b, 1 / a.b]
            row(times({"type": "Laplace", "noiseMultiplier": b}, 2), add, e, a.compose(a.h, e, kinks))
    for q, b, epsilons in [(0.1, 1.0, ["0.01", "0.1"]), (0.01, 0.2, ["0.01", "0.3", "2"])]:
        a = Laplace(q, b)
        sides = [a, a.swapped()]
        for e in map(mpf, epsilons):
            row(sampled(q, b, "Laplace"), add, e, max(x.h(e) for x in sides))
            kinks = [a.loss(mpf(0)), a.loss(ONE)]
            two = max(x.compose(x.h, e, kinks if x is a else [-k for k in kinks]) for x in sides)
            row(times(sampled(q, b, "Laplace"), 2), add, e, two)
    # One sampled Gaussian event and one Laplace event; both directions.
    for q, s, b, e in [(0.05, 1.0, 2.0, "0.2"), (0.05, 1.0, 2.0, "1.5"), (0.2, 0.6, 10.0, "3")]:
        g, l = poisson(q, s), Laplace(1, b)
        event = {"type": "Composed", "events": [sampled(q, s), {"type": "Laplace", "noiseMultiplier": b}]}
        values = []
        for first in (g, g.swapped()):
            values.append(l.compose(first.h, mpf(e), [first.edge]))
        row(event, add, mpf(e), max(values))
    # Groups: Binomial(2, 0.05) of two examples.
    for e in map(mpf, ["0.1", "1", "3"]):
        q, s = mpf("0.05"), ONE
        w = [(1 - q) ** 2, 2 * q * (1 - q), q * q]

        def x_of(t, w=w):
            # w2 c2 y^2 + w1 c1 y + w0 - exp(t) = 0, y = exp(x)
            c1, c2 = exp(-ONE / 2), exp(-mpf(2))
            rest = w[0] - exp(t)
            if rest >= 0:
                return -inf
            root = sqrt((w[1] * c1) ** 2 - 4 * w[2] * c2 * rest)
            return log((root - w[1] * c1) / (2 * w[2] * c2))

        a = Mixture([mpf(0), ONE, mpf(2)], w, [ONE, mpf(0), mpf(0)], s, x_of, log(w[0]))
        event = {"type": "GaussianMixture", "noiseMultiplier": 1.0, "sensitivities": [0.0, 1.0, 2.0],
                 "probabilities": [0.9025, 0.095, 0.0025]}
        row(event, add, e, max(a.h(e), a.swapped().h(e)))
        row(times(event, 2), add, e, max(twice(a, e), twice(a.swapped(), e)))
    # k times the worst (epsilon, delta) mechanism: Kairouz, Oh and Viswanath 2015, theorem 3.3, summed for any epsilon.
    for e0, d0, k, e in [(0.7, 1e-6, 1, "0.5"), (0.7, 1e-6, 10, "3"), (0.1, 0.0, 50, "2"), (0.1, 1e-9, 1000, "20")]:
        e0, big = mpf(e0), mpf(e)
        inner = sum(
            binomial(k, l) * max(mpf(0), exp((k - l) * e0) - exp(big + l * e0)) for l in range(k + 1)) / (1 + exp(e0)) ** k
        delta = 1 - (1 - mpf(d0)) ** k * (1 - inner)
        row(times({"type": "EpsilonDelta", "epsilon": float(e0), "delta": d0}, k), add, big, delta)


main()
