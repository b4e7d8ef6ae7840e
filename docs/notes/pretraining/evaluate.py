# SPDX-License-Identifier: Apache-2.0
"""Accuracy of a private linear model on a network's features of CIFAR-10, beside the library's patch features.

    python evaluate.py --network network.npz --pictures pictures.npy --data cifar-10-batches-bin \
        --patches cifar10-patches-train.features --size 48 --share 0.25

Trains on the first training images and tests on the next ones, never on the test set. A simulation: noise from NumPy, of the size that 50,000
examples need at epsilon = 1 and 3 (delta = 1e-5, 60 steps on the whole set), as Cifar10PatchFeatures trains.
"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from draw import SIDE as PICTURE_SIDE

SIDE = 32
PATCH_FEATURES = 7168
# of the six convolutions (from 0): cells along each axis, directions kept, part of the network's share
LAYERS = {3: (4, 1000, 0.6), 5: (4, 1000, 0.4)}
STRIDES = [2, 2, 1, 1, 2, 1]
# noise multiplier, clipping norm, learning rate
RECIPES = {"epsilon 1": (28.8975, 0.15, 160), "epsilon 3": (10.7716, 0.25, 220), "without noise": (0, 0.25, 220)}
STEPS = 60
MOMENTUM = 0.9
AT_ONCE = 500


def cifar(folder, count):
    files = ["data_batch_%d.bin" % i for i in range(1, 6)]
    rows = np.concatenate([np.fromfile(os.path.join(folder, name), np.uint8).reshape(-1, 3073) for name in files])[:count]
    return rows[:, 1:].reshape(-1, 3, SIDE, SIDE), rows[:, 0].astype(int)


def convolutions(path):
    saved = np.load(path)
    return [(torch.from_numpy(saved[f"weights{i}"]).bfloat16(), torch.from_numpy(saved[f"bias{i}"]).bfloat16()) for i in range(len(STRIDES))]


def pooled(net, x):
    """What the layers answer to images [n, 3, h, w] from 0 to 1, averaged in each cell: a list of [n, features]."""
    out = []
    h = (x - 0.5).bfloat16().contiguous(memory_format=torch.channels_last)
    for i, (weights, bias) in enumerate(net):
        h = F.relu(F.conv2d(h, weights, bias, STRIDES[i], (weights.shape[-1] - 1) // 2))
        if i in LAYERS:
            out.append(F.adaptive_avg_pool2d(h.float(), LAYERS[i][0]).flatten(1))
    return out


def answers(net, x, size):
    """Roots of the averages over images of the given size and their mirror images."""
    if size != SIDE:
        x = F.interpolate(x, size=(size, size), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    return [((a + b) / 2).sqrt().numpy() for a, b in zip(pooled(net, x), pooled(net, x.flip(3)))]


def view(x, g):
    """Pieces of drawings [n, 3, 48, 48], shifted, turned and zoomed."""
    n = x.shape[0]
    angle = (torch.rand(n, generator=g) * 2 - 1) * np.pi / 12
    zoom = torch.exp((torch.rand(n, generator=g) * 2 - 1) * np.log(1.5) / 2) * (SIDE / PICTURE_SIDE)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = angle.cos() * zoom, -angle.sin() * zoom
    theta[:, 1, 0], theta[:, 1, 1] = angle.sin() * zoom, angle.cos() * zoom
    theta[:, :, 2] = (torch.rand(n, 2, generator=g) * 2 - 1) * 10 / PICTURE_SIDE
    grid = F.affine_grid(theta, (n, 3, SIDE, SIDE), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def spectrum(matrix, count):
    variances, directions = np.linalg.eigh(matrix.astype(np.float64))
    return np.maximum(variances[::-1][:count], 0), directions[:, ::-1][:, :count]


def whitening(views, count):
    """Mean and matrix: the directions of largest variance among drawings [2, n, features], whitened by differences between two views."""
    both = views.reshape(-1, views.shape[-1])
    mean = both.mean(0)
    variances, directions = spectrum((both - mean).T @ (both - mean) / len(both), count)
    components = (directions * (variances + 0.001 * variances[0]) ** -0.5).astype(np.float32)
    difference = (views[0] - views[1]) @ components
    variances, directions = spectrum(difference.T @ difference / (2 * len(difference)), count)
    return mean, components @ ((directions * (variances + variances.mean()) ** -0.5) @ directions.T).astype(np.float32)


def network_features(o, images):
    """A list of whitened features [n, directions], one for each layer."""
    net = convolutions(o.network)
    g = torch.Generator().manual_seed(o.seed)
    pictures = np.load(o.pictures, mmap_mode="r")
    pictures = pictures[:: max(1, len(pictures) // o.drawings)]
    drawn = []
    for start in range(0, len(pictures), AT_ONCE):
        x = torch.tensor(pictures[start : start + AT_ONCE]).float() / 255
        drawn.append([answers(net, view(x, g), o.size) for _ in range(2)])
    found = [answers(net, torch.tensor(images[i : i + AT_ONCE]).float() / 255, o.size) for i in range(0, len(images), AT_ONCE)]
    out = []
    for k, (_, count, _) in enumerate(LAYERS.values()):
        views = np.stack([np.concatenate([part[v][k] for part in drawn]) for v in range(2)])
        mean, matrix = whitening(views, count)
        out.append((np.concatenate([part[k] for part in found]) - mean) @ matrix)
    return out


def beside(parts, shares):
    """Features in a row, each part with its share of the mean squared norm, then of norm one."""
    scaled = [part * np.sqrt(share / np.mean(np.sum(np.square(part), 1))) for part, share in zip(parts, shares)]
    x = np.concatenate(scaled, 1)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def linear_model(x, y, recipe, seed):
    multiplier, clipping, rate = recipe
    random = np.random.default_rng(seed)
    weights = np.zeros((x.shape[1], 10), np.float32)
    velocity = np.zeros_like(weights)
    targets = np.eye(10, dtype=np.float32)[y]
    norms = np.linalg.norm(x, axis=1)
    for _ in range(STEPS):
        z = x @ weights
        z = np.exp(z - z.max(1, keepdims=True))
        error = z / z.sum(1, keepdims=True) - targets
        error *= np.minimum(1, clipping / np.maximum(np.linalg.norm(error, axis=1) * norms, 1e-12))[:, None]
        gradient = x.T @ error / len(x) + multiplier * clipping / 50000 * random.standard_normal(weights.shape, np.float32)
        before = velocity
        velocity = MOMENTUM * velocity - rate * gradient
        weights += (1 + MOMENTUM) * velocity - MOMENTUM * before
    return weights


def main():
    o = argparse.ArgumentParser()
    o.add_argument("--network", required=True, help="what pretrain.py wrote")
    o.add_argument("--pictures", required=True, help="what draw.py wrote")
    o.add_argument("--data", required=True, help="folder of the binary version of CIFAR-10")
    o.add_argument("--patches", help="what Cifar10PatchFeatures left in its --features folder for the training images")
    o.add_argument("--size", type=int, default=48, help="side that images are enlarged to before the network sees them")
    o.add_argument("--share", type=float, default=0.25, help="of the squared norm, for the network beside the patch features")
    o.add_argument("--train", type=int, default=20000)
    o.add_argument("--test", type=int, default=10000)
    o.add_argument("--drawings", type=int, default=6000, help="that the features are whitened by")
    o.add_argument("--seed", type=int, default=1)
    o = o.parse_args()
    torch.set_num_threads(1)
    images, labels = cifar(o.data, o.train + o.test)
    with torch.no_grad():
        layers = network_features(o, images)
    parts = [part for _, _, part in LAYERS.values()]
    candidates = {"network": beside(layers, parts)}
    if o.patches:
        # after the file's header
        start = os.path.getsize(o.patches) % (4 * PATCH_FEATURES)
        patches = np.array(np.memmap(o.patches, np.float32, "r", start, (o.train + o.test, PATCH_FEATURES)))
        candidates["patches"] = patches
        candidates["both"] = beside([patches] + layers, [1 - o.share] + [o.share * part for part in parts])
    for name, x in candidates.items():
        for budget, recipe in RECIPES.items():
            weights = linear_model(x[: o.train], labels[: o.train], recipe, o.seed)
            accuracy = np.mean((x[o.train :] @ weights).argmax(1) == labels[o.train :])
            print(f"{name}, {budget}: {100 * accuracy:.2f} %", flush=True)


if __name__ == "__main__":
    main()
