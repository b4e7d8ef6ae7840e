# SPDX-License-Identifier: Apache-2.0
"""Writes a network's weights as the library reads them, and what PyTorch says that they answer.

    python export.py --network network.npz --weights drawn-network.bfloat16 --answers network-answers.csv

The answers are those to one made-up image of 48x48 pixels, pooled and transformed as the library does; NetworkResponsesTest compares.
"""
import argparse
import zlib

import numpy as np
import torch
import torch.nn.functional as F

STRIDES = [2, 2, 1, 1, 2, 1]
# and what their answers are multiplied by
LAYERS = {3: 1, 5: 0.44}
SIDE = 48
GRID = 4
OUTER_CENTER = 0.73
DEVIATION = 0.33


def bfloat16(values):
    """The upper halves of floats, rounded to the nearest."""
    bits = np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint32)


def image():
    channel, row, column = np.meshgrid(np.arange(3), np.arange(SIDE), np.arange(SIDE), indexing="ij")
    return ((row * (3 + channel) + column * column * (1 + channel) // 7) % 97 / 96).astype(np.float32)


def windows(positions):
    centers = OUTER_CENTER * (2 * np.arange(GRID) / (GRID - 1) - 1)
    places = (2 * np.arange(positions) + 1) / positions - 1
    weights = np.exp(-((places - centers[:, None]) ** 2) / (2 * DEVIATION**2))
    return weights / weights.sum(1, keepdims=True)


def cosines():
    frequency = np.arange(GRID)[:, None]
    return np.where(frequency == 0, 0.5, np.sqrt(0.5)) * np.cos(np.pi * frequency * (np.arange(GRID) + 0.5) / GRID)


def answers(network):
    """[frequency][channel of both layers]."""
    sums = {}
    for h in (image(), image()[:, :, ::-1].copy()):
        h = torch.from_numpy(h)[None].double() - 0.5
        for i, (weights, bias) in enumerate(network):
            h = F.relu(F.conv2d(h, weights, bias, STRIDES[i], (weights.shape[-1] - 1) // 2))
            if i in LAYERS:
                sums[i] = sums.get(i, 0) + h[0].numpy() / 2
    out = []
    for i in LAYERS:
        window = windows(sums[i].shape[1])
        roots = LAYERS[i] * np.sqrt(np.einsum("ar,bs,crs->abc", window, window, sums[i]))
        out.append(np.einsum("fa,gb,abc->fgc", cosines(), cosines(), roots).reshape(GRID * GRID, -1))
    return np.concatenate(out, 1)


def main():
    o = argparse.ArgumentParser()
    o.add_argument("--network", required=True, help="what pretrain.py wrote")
    o.add_argument("--weights", required=True)
    o.add_argument("--answers", required=True)
    o = o.parse_args()
    saved = np.load(o.network)
    data = b""
    network = []
    for i in range(len(STRIDES)):
        pair = []
        for name in (f"weights{i}", f"bias{i}"):
            halves = bfloat16(saved[name])
            data += halves.astype(">u2").tobytes()
            pair.append(torch.from_numpy((halves << 16).astype(np.uint32).view(np.float32).reshape(saved[name].shape)).double())
        network.append(pair)
    with open(o.weights, "wb") as file:
        file.write(zlib.compress(data, 9))
    with open(o.answers, "w") as file:
        for frequency, row in enumerate(answers(network)):
            for channel in range(frequency % 5, row.size, 5):
                file.write(f"{frequency},{channel},{row[channel]:.7g}\n")


if __name__ == "__main__":
    main()
