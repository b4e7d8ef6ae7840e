"""Times a step of plain PyTorch on the workloads of docs/performance.md: python plain_pytorch.py W1 [threads]

Debian: apt install python3-torch libopenblas0-pthread (the reference BLAS that comes with it is 30 times slower). Keep the heap, or its kernel
work is timed as well: GLIBC_TUNABLES=glibc.malloc.mmap_threshold=8589934592:glibc.malloc.trim_threshold=17179869184
"""

import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

BLOCKS = 15
SECONDS = 0.6

workload = sys.argv[1]
torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
torch.manual_seed(1)


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5000, 64)
        self.lstm = nn.LSTM(64, 128, batch_first=True)
        self.output = nn.Linear(128, 2)

    def forward(self, tokens):
        return self.output(self.lstm(self.embedding(tokens))[0][:, -1])


class Block(nn.Module):
    def __init__(self, ins, outs, stride):
        super().__init__()
        self.first_norm = nn.GroupNorm(8, ins)
        self.first = nn.Conv2d(ins, outs, 3, stride, 1, bias=False)
        self.second_norm = nn.GroupNorm(8, outs)
        self.second = nn.Conv2d(outs, outs, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(ins, outs, 1, stride, bias=False) if ins != outs else None

    def forward(self, x):
        a = F.relu(self.first_norm(x))
        y = self.second(F.relu(self.second_norm(self.first(a))))
        return y + (x if self.shortcut is None else self.shortcut(a))


def convolutions(channels):
    layers = []
    ins = 3
    for number, outs in enumerate(channels):
        layers += [nn.Conv2d(ins, outs, 3, padding=1), nn.Tanh()]
        if number % 2 == 1:
            layers.append(nn.MaxPool2d(2))
        ins = outs
    return layers


WORKLOADS = {
    "W1": lambda: (
        nn.Sequential(
            nn.Conv2d(1, 16, 8, 2, 3), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Conv2d(16, 32, 4, 2), nn.ReLU(), nn.MaxPool2d(2, 1),
            nn.Flatten(), nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 10)),
        torch.randn(256, 1, 28, 28), 10),
    "W2": lambda: (
        nn.Sequential(
            *convolutions([32, 32, 64, 64, 128, 128]), nn.Flatten(), nn.Linear(2048, 128), nn.Tanh(), nn.Linear(128, 10)),
        torch.randn(256, 3, 32, 32), 10),
    "W3": lambda: (
        nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)),
        torch.randn(1024, 784), 10),
    "W4": lambda: (Sequences(), torch.randint(0, 5000, (64, 64)), 2),
    "W5": lambda: (nn.Linear(15552, 10), torch.randn(1024, 15552), 10),
    "W6": lambda: (
        nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
            nn.GroupNorm(8, 64), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10)),
        torch.randn(128, 3, 32, 32), 10),
}

network, examples, classes = WORKLOADS[workload]()
labels = torch.randint(0, classes, (examples.shape[0],))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)


def block(steps):
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(network(examples), labels).backward()
        optimizer.step()
    return (time.process_time() - cpu) * 1e3 / steps, (time.perf_counter() - wall) * 1e3 / steps


block(3)
steps = max(1, round(SECONDS * 1e3 / block(3)[1]))
times = [block(steps) for _ in range(BLOCKS)]
print(
    f"{workload}: {sum(p.numel() for p in network.parameters())} parameters, {torch.get_num_threads()} threads, "
    f"CPU {statistics.median(t[0] for t in times):.1f} ms, wall {statistics.median(t[1] for t in times):.1f} ms")
