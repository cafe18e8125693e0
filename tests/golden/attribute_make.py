"""Makes attribute.safetensors: gradients of small networks towards their inputs, by PyTorch in float64.

    python tests/golden/attribute_make.py        (torch, safetensors)

For each network NAME: NAME.weights.* in PyTorch's names and order, NAME.input (N, H, W, C),
NAME.attribution of that shape and NAME.output (N, 1). The specs stand in tests/attribute.rs.
"""
import os
import torch
import torch.nn as nn
from safetensors.torch import save_file

torch.manual_seed(20260102)
torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
out = {}


class Cnn(nn.Module):
    def __init__(self, eps):
        super().__init__()
        conv = lambda i, o: [nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(o, eps=eps), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*conv(1, 4), *conv(4, 6))
        self.classifier = nn.Sequential(
            nn.Linear(6 * 4 * 5, 8), nn.ReLU(), nn.BatchNorm1d(8, eps=eps), nn.Dropout(0.5), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1)
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        conv = lambda i, o: [nn.Conv2d(i, o, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*conv(3, 6), *conv(6, 6), nn.MaxPool2d(2), *conv(6, 10), nn.MaxPool2d(2), *conv(10, 12))
        self.fc = nn.Linear(12, 1)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class Block(nn.Module):
    def __init__(self, inputs, width, stride, bottleneck, stride_in_3x3):
        super().__init__()
        conv = lambda i, o, k, s: nn.Conv2d(i, o, k, s, k // 2, bias=False)
        outputs = width * 4 if bottleneck else width
        if bottleneck:
            first, second = (1, stride) if stride_in_3x3 else (stride, 1)
            self.conv1, self.bn1 = conv(inputs, width, 1, first), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = conv(width, width, 3, second), nn.BatchNorm2d(width)
            self.conv3, self.bn3 = conv(width, outputs, 1, 1), nn.BatchNorm2d(outputs)
        else:
            self.conv1, self.bn1 = conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = conv(width, width, 3, 1), nn.BatchNorm2d(width)
        self.bottleneck, self.outputs, self.downsample = bottleneck, outputs, None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(y.relu()))
        return (y + shortcut).relu()


class ResNet(nn.Module):
    def __init__(self, blocks, width, bottleneck, stride_in_3x3):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.pool, channels = nn.MaxPool2d(3, 2, 1), width
        self.stages = len(blocks)
        for stage, count in enumerate(blocks):
            layers = []
            for i in range(count):
                stride = 2 if stage and not i else 1
                layers.append(Block(channels, width << stage, stride, bottleneck, stride_in_3x3))
                channels = layers[-1].outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(channels, 1)

    def forward(self, x):
        x = self.pool(self.bn1(self.conv1(x)).relu())
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


def attribute(name, net, channels, height, width):
    net = net.double().eval()
    with torch.no_grad():
        for key, value in net.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.4, 1.6)
            elif key.endswith("running_mean") or key.endswith("bias"):
                value.normal_(0, 0.3)
            elif value.is_floating_point() and value.dim() == 1:
                value.uniform_(0.6, 1.4)
            if value.is_floating_point():
                value.copy_(value.float().double())
    x = torch.randn(2, channels, height, width, dtype=torch.float64).float().double().requires_grad_()
    y = net(x)
    y.sum().backward()
    last = lambda t: t.detach().permute(0, 2, 3, 1).float().contiguous()
    out.update({f"{name}.weights.{k}": v.float().clone() for k, v in net.state_dict().items() if v.is_floating_point()})
    out.update({f"{name}.input": last(x), f"{name}.attribution": last(x.grad), f"{name}.output": y.detach().float()})


attribute("cnn", Cnn(1e-3), 1, 16, 20)
attribute("vgg", Vgg(), 3, 16, 20)
attribute("resnet-v1.5", ResNet([1, 2], 4, True, True), 3, 24, 24)
attribute("resnet-v1", ResNet([1, 1], 4, True, False), 3, 24, 24)
attribute("resnet-basic", ResNet([1, 1], 6, False, False), 3, 24, 24)
save_file(out, os.path.join(HERE, "attribute.safetensors"))
