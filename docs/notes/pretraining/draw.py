# SPDX-License-Identifier: Apache-2.0
"""Draws pictures from random numbers alone: outputs of untrained networks, random formulas, and overlapping shapes filled with them.

    python draw.py --count 60000 --seed 1 --out pictures.npy

Writes uint8 [count, 3, 48, 48]. No photograph, and nothing that was learned from one, is read.
"""
import argparse
import math

import numpy as np
import torch
import torch.nn.functional as F

SIDE = 48


def spread(x):
    """Scales each picture [n, 3, h, w] to mean 0 and deviation 1."""
    n = x.shape[0]
    x = x - x.mean((2, 3), keepdim=True)
    x = x / (x.flatten(1).std(1).view(n, 1, 1, 1) + 1e-6)
    return x


def colored(x, g):
    """Mixes the channels of unit pictures so that their colors correlate, as those of light on surfaces do."""
    n = x.shape[0]
    saturation = torch.rand(n, 1, 1, generator=g)
    mix = torch.randn(n, 3, 3, generator=g) * saturation + torch.randn(n, 1, 3, generator=g) * (1 - saturation)
    return spread(torch.einsum("nij,njhw->nihw", mix, x))


def spectra(n, g, side):
    """Noise of power 1/f^a, a in [1, 4], stretched in a random direction."""
    f = torch.fft.fftfreq(side)
    fy, fx = torch.meshgrid(f, f, indexing="ij")
    angle = torch.rand(n, 1, 1, generator=g) * math.pi
    stretch = torch.exp(torch.randn(n, 1, 1, generator=g) * 0.7)
    u = (fx * angle.cos() + fy * angle.sin()) * stretch
    v = (-fx * angle.sin() + fy * angle.cos()) / stretch
    power = 0.5 + 1.5 * torch.rand(n, 1, 1, generator=g)
    amplitude = (u * u + v * v + 1e-4) ** (-power / 2)
    noise = torch.randn(n, 3, side, side, generator=g)
    x = torch.fft.ifft2(torch.fft.fft2(noise) * amplitude[:, None]).real
    return colored(spread(x), g)


def formulas(n, g, side):
    """Sums, products, sines and distances of coordinates, nested at random."""
    r = np.random.default_rng(int(torch.randint(1 << 62, (1,), generator=g)))
    out = np.empty((n, 3, side, side), np.float32)
    grid = np.linspace(-1, 1, side, dtype=np.float32)
    y0, x0 = np.meshgrid(grid, grid, indexing="ij")
    for i in range(n):
        a = r.uniform(0, 2 * np.pi)
        zoom = np.exp(r.uniform(0, 2.5))
        dx, dy = r.uniform(-1, 1, 2)
        x = zoom * ((x0 - dx) * np.cos(a) + (y0 - dy) * np.sin(a))
        y = zoom * ((y0 - dy) * np.cos(a) - (x0 - dx) * np.sin(a))
        pool = [x, y, np.hypot(x, y), np.arctan2(y, x) * r.integers(1, 5)]
        for _ in range(r.integers(4, 12)):
            p = pool[r.integers(len(pool))]
            q = pool[r.integers(len(pool))]
            kind = r.integers(9)
            w = np.float32(np.exp(r.normal()))
            if kind == 0:
                v = np.sin(w * 2 * p + r.uniform(0, 6))
            elif kind == 1:
                v = p * np.tanh(q)
            elif kind == 2:
                v = p + w * q
            elif kind == 3:
                v = np.abs(p - r.normal())
            elif kind == 4:
                v = np.maximum(p, w * q)
            elif kind == 5:
                v = np.tanh(3 * w * p)
            elif kind == 6:
                v = np.where(p > r.normal(), q, -p)
            elif kind == 7:
                v = np.mod(w * p, 1)
            else:
                v = np.sin(p * 2 + 2 * np.sin(w * q))
            pool.append(np.clip(v, -20, 20).astype(np.float32))
        for c in range(3):
            v = pool[-1 - r.integers(min(6, len(pool)))]
            out[i, c] = (v - v.mean()) / (v.std() + 1e-3)
    return colored(torch.from_numpy(out), g)


def networks(n, g, side, each=20):
    """Outputs of untrained convolutional generators, each network's weights drawn anew for a few pictures."""
    parts = []
    for _ in range(0, n, each):
        width = 24
        size = 3
        x = torch.randn(each, width, size, size, generator=g)
        while size < side:
            size *= 2
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            w = torch.randn(width, width, 3, 3, generator=g)
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), w / math.sqrt(9 * width))
            style = torch.exp(0.7 * torch.randn(each, width, 1, 1, generator=g))
            noise = torch.randn(each, 1, size, size, generator=g) * torch.randn(1, width, 1, 1, generator=g)
            x = x / (x.std((2, 3), keepdim=True) + 1e-5) * style + 0.4 * torch.rand(1, generator=g) * noise
            x = F.leaky_relu(x + 0.5 * torch.randn(1, width, 1, 1, generator=g), 0.1)
        w = torch.randn(3, width, 1, 1, generator=g)
        x = F.conv2d(x, w)[:, :, :side, :side]
        if torch.rand(1, generator=g) < 0.5:
            x = torch.tanh(spread(x))
        parts.append(x)
    return colored(spread(torch.cat(parts)[:n]), g)


def leaves(n, g, side, bank):
    """Shapes over each other, each of one color, shaded, and filled with a piece of the bank."""
    grid = torch.arange(side, dtype=torch.float32)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")

    def texture():
        i = torch.randint(bank.shape[0], (n,), generator=g)
        return bank[i]

    def uniform(low, high):
        return low + (high - low) * torch.rand(n, 1, 1, generator=g)

    def color():
        base = torch.rand(n, 1, 1, 1, generator=g)
        return base + 0.25 * torch.randn(n, 3, 1, 1, generator=g)

    x = color() + 0.12 * torch.rand(n, 1, 1, 1, generator=g) * texture()
    count = torch.randint(3, 28, (n, 1, 1), generator=g)
    large = uniform(10, 40)
    for k in range(27):
        smallest = 3.0 / large
        radius = 3.0 / (torch.rand(n, 1, 1, generator=g) * (1 - smallest**2) + smallest**2) ** 0.5
        angle = uniform(0, 2 * math.pi)
        flat = torch.exp(0.4 * torch.randn(n, 1, 1, generator=g))
        dx = xx - uniform(-6, side + 6)
        dy = yy - uniform(-6, side + 6)
        u = (dx * angle.cos() + dy * angle.sin()) / (radius * flat)
        v = (dy * angle.cos() - dx * angle.sin()) / (radius / flat)
        power = torch.tensor([1.0, 2.0, 2.0, 8.0])[torch.randint(4, (n, 1, 1), generator=g)]
        d = (u.abs() ** power + v.abs() ** power) ** (1 / power)
        lobes = torch.randint(2, 7, (n, 1, 1), generator=g)
        bend = torch.rand(n, 1, 1, generator=g).clamp(0.4, 1) - 0.4
        d = d * (1 + bend * torch.cos(lobes * torch.atan2(v, u)))
        ring = torch.rand(n, 1, 1, generator=g) < 0.1
        d = torch.where(ring, (d - 0.75).abs() * 4, d)
        mask = torch.sigmoid((1 - d) * radius * uniform(0.8, 4)) * (k < count)
        mask = mask[:, None]
        fill = color() * (1 + (0.4 * torch.rand(n, 1, 1, generator=g) * u)[:, None]) + 0.3 * torch.rand(
            n, 1, 1, 1, generator=g
        ) ** 2 * texture()
        x = x * (1 - mask) + fill * mask
    return x


def quantized(x, g):
    n = x.shape[0]
    blur = torch.rand(n, generator=g) < 0.3
    if blur.any():
        x[blur] = F.avg_pool2d(F.pad(x[blur], (1, 1, 1, 1), mode="reflect"), 3, 1)
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def as_picture(x, g):
    n = x.shape[0]
    mean = 0.5 + 0.12 * torch.randn(n, 3, 1, 1, generator=g)
    return mean + x * (0.08 + 0.22 * torch.rand(n, 1, 1, 1, generator=g))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, required=True, help="a multiple of 1,000")
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--out", required=True)
    options = options.parse_args()
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(options.seed)
    out = np.lib.format.open_memmap(options.out, "w+", np.uint8, (options.count, 3, SIDE, SIDE))
    with torch.no_grad():
        for start in range(0, options.count, 1000):
            s = spectra(100, g, SIDE)
            f = formulas(200, g, SIDE)
            w = networks(250, g, SIDE)
            bank = torch.cat([s, f, w])
            drawn = [as_picture(f[:150], g), as_picture(w[:250], g)]
            for _ in range(6):
                drawn.append(leaves(100, g, SIDE, bank))
            out[start : start + 1000] = quantized(torch.cat(drawn), g).numpy()
            out.flush()
            if start % 5000 == 0:
                print("drawn", start + 1000, flush=True)


if __name__ == "__main__":
    main()
