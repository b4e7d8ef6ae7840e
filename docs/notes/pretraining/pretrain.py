# SPDX-License-Identifier: Apache-2.0
"""Trains a small network on drawn pictures so that two crops of one picture get near, and different pictures far, representations.

    python pretrain.py --pictures pictures.npy --seed 1 --steps 32000 --mixed 0.5 --out network.npz

Loss: T. Wang and P. Isola, Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere, ICML 2020
(alpha = 2, t = 2).
"""
import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE = 32


def block(inputs, outputs, kernel, stride):
    return [nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def network():
    """The first layer sees 6x6 pixels at every second one, as 3x3 blocks of 2x2 pixels: the same sums in half the time."""
    return nn.Sequential(
        *block(12, 64, 3, 1),
        *block(64, 128, 3, 2),
        *block(128, 128, 3, 1),
        *block(128, 128, 3, 1),
        *block(128, 256, 3, 2),
        *block(256, 256, 3, 1),
    )


def heads():
    """One for the stage of 8x8 positions and one for that of 4x4: the earlier layers learn faster when asked themselves."""
    return nn.ModuleList(
        nn.Sequential(nn.Linear(width, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 128)) for width in (128, 256)
    )


def stages(net, x):
    middle = net[:12](x)
    return middle, net[12:](middle)


def crops(x, g):
    """Random pieces [n, 3, 32, 32] of pictures [n, 3, s, s] between 0 and 1: cut, mirrored, recolored."""
    n = x.shape[0]
    area = 0.08 + 0.92 * torch.rand(n, generator=g)
    aspect = torch.exp((2 * torch.rand(n, generator=g) - 1) * math.log(4 / 3))
    h = (area / aspect).sqrt().clamp(max=1)
    w = (area * aspect).sqrt().clamp(max=1)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = w * torch.where(torch.rand(n, generator=g) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = h
    theta[:, 0, 2] = (1 - w) * (2 * torch.rand(n, generator=g) - 1)
    theta[:, 1, 2] = (1 - h) * (2 * torch.rand(n, generator=g) - 1)
    x = F.grid_sample(x, F.affine_grid(theta, (n, 3, SIDE, SIDE), align_corners=False), padding_mode="reflection", align_corners=False)

    def factor(strength):
        return 1 + strength * (2 * torch.rand(n, 1, 1, 1, generator=g) - 1)

    # brightness, contrast, saturation and hue in one affine map of the colors, for four of five pictures
    gray = torch.tensor([0.299, 0.587, 0.114])
    to_yiq = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    angle = 0.1 * 2 * math.pi * (2 * torch.rand(n, generator=g) - 1)
    saturation = 1 + 0.4 * (2 * torch.rand(n, generator=g) - 1)
    saturation[torch.rand(n, generator=g) < 0.2] = 0
    turn = torch.zeros(n, 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = saturation * angle.cos()
    turn[:, 1, 2] = -saturation * angle.sin()
    turn[:, 2, 1] = saturation * angle.sin()
    turn[:, 2, 2] = saturation * angle.cos()
    keep = torch.rand(n, generator=g) < 0.2
    turn[keep] = torch.eye(3)
    m = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    x = torch.einsum("nij,njhw->nihw", m, x)
    scale = torch.where(keep.view(n, 1, 1, 1), torch.ones(1), factor(0.4) * factor(0.4))
    mean = (x.mean((2, 3), keepdim=True) * gray.view(1, 3, 1, 1)).sum(1, keepdim=True)
    bright = torch.where(keep.view(n, 1, 1, 1), torch.zeros(1), 0.2 * (factor(1) - 1))
    x = (x - mean) * scale + mean + bright
    return F.pixel_unshuffle(x - 0.5, 2)


def mixed(x, share, g):
    """Some of the pictures as weighted means of themselves and another one, as in arXiv 2211.16412: more pictures from the same drawings."""
    n = x.shape[0]
    weight = 0.2 + 0.6 * torch.rand(n, generator=g)
    weight[torch.rand(n, generator=g) >= share] = 1
    weight = weight.view(n, 1, 1, 1)
    return weight * x + (1 - weight) * x.roll(1, 0)


def uniformity(z):
    d = torch.pdist(z).pow(2)
    return d.mul(-2).exp().mean().log()


def blocks_as_pixels(weights):
    n = weights.shape[0]
    return weights.reshape(n, 3, 2, 2, 3, 3).permute(0, 1, 4, 2, 5, 3).reshape(n, 3, 6, 6)


def folded(net):
    """The network's convolutions with the normalizations' scales and shifts inside: {name: array}."""
    out = {}
    layers = list(net)
    for i in range(0, len(layers), 3):
        conv, norm = layers[i], layers[i + 1]
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        weights = conv.weight * scale.view(-1, 1, 1, 1)
        out[f"weights{i // 3}"] = (weights if i else blocks_as_pixels(weights)).detach().numpy()
        out[f"bias{i // 3}"] = (norm.bias - norm.running_mean * scale).detach().numpy()
    return out


def load(net, tops, optimizer, path):
    saved = torch.load(path)
    net.load_state_dict(saved["net"])
    tops.load_state_dict(saved["tops"])
    optimizer.load_state_dict(saved["optimizer"])
    return saved["average"], saved["step"]


def save(net, tops, optimizer, average, step, path):
    shadow = network()
    shadow.load_state_dict(average)
    np.savez(path + ".tmp.npz", step=step, **folded(shadow))
    state = {"net": net.state_dict(), "tops": tops.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step}
    torch.save(state, path + ".pt.tmp")
    os.replace(path + ".pt.tmp", path + ".pt")
    os.replace(path + ".tmp.npz", path)


def main():
    o = argparse.ArgumentParser()
    o.add_argument("--pictures", required=True)
    o.add_argument("--count", type=int, default=0, help="pictures to use, the first ones (default: all)")
    o.add_argument("--seed", type=int, default=1)
    o.add_argument("--steps", type=int, required=True, help="of the whole schedule: the learning rate falls to nearly zero at its end")
    o.add_argument("--until", type=int, default=0, help="stop after this step (default: at the end of the schedule)")
    o.add_argument("--batch", type=int, default=128)
    o.add_argument("--rate", type=float, default=2e-3)
    o.add_argument("--mixed", type=float, default=0, help="share of the pictures that are means of two")
    o.add_argument("--out", required=True)
    o.add_argument("--save-every", type=int, default=250)
    o.add_argument("--resume", action="store_true", help="go on from OUT.pt")
    o = o.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(o.seed)
    g = torch.Generator().manual_seed(o.seed)
    pictures = np.load(o.pictures, mmap_mode="r")
    count = o.count or pictures.shape[0]
    net, tops = network().to(memory_format=torch.channels_last), heads()
    params = list(net.parameters()) + list(tops.parameters())
    optimizer = torch.optim.AdamW(params, o.rate, weight_decay=0.01)
    average = {k: v.clone() for k, v in net.state_dict().items()}
    first = 0
    if o.resume:
        average, first = load(net, tops, optimizer, o.out + ".pt")
        g.manual_seed(o.seed + first)
    clock = time.process_time()
    sums = np.zeros(4)
    last = o.until or o.steps
    for step in range(first, last):
        rate = o.rate * min(1, (step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / o.steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        index = torch.randint(count, (o.batch,), generator=g).numpy()
        x = mixed(torch.from_numpy(pictures[index]).float() / 255, o.mixed, g)
        views = torch.cat([crops(x, g), crops(x, g)]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = stages(net, views)
        loss = 0
        for i, (y, top) in enumerate(zip(outputs, tops)):
            z = F.normalize(top(y.float().mean((2, 3))))
            a, b = z[: o.batch], z[o.batch :]
            align = (a - b).pow(2).sum(1).mean()
            uniform = (uniformity(a) + uniformity(b)) / 2
            loss = loss + align + uniform
            sums[2 * i : 2 * i + 2] += align.item(), uniform.item()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        decay = min(0.998, 1 - 1 / (1 + step / 10))
        with torch.no_grad():
            for k, v in net.state_dict().items():
                if v.dtype.is_floating_point:
                    average[k].mul_(decay).add_(v, alpha=1 - decay)
        if (step + 1) % 50 == 0:
            losses = "8x8 align %.3f uniform %.3f, 4x4 align %.3f uniform %.3f" % tuple(sums / 50)
            print(step + 1, losses, "cpu %.0f" % (time.process_time() - clock), time.strftime("%H:%M:%S"), flush=True)
            sums[:] = 0
        if (step + 1) % o.save_every == 0 or step + 1 == last:
            save(net, tops, optimizer, average, step + 1, o.out)


if __name__ == "__main__":
    main()
