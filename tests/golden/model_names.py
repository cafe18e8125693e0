"""Makes model_names.txt: the tensors of torchvision's networks with one output behind global pooling.

    python tests/golden/model_names.py        (torch; the layer lists are torchvision's, written out)

torchvision itself is not needed: its ResNets and VGGs are rebuilt from its documented module names, and
the numbers of parameters are checked against those that its documentation prints.
"""
import os
import torch.nn as nn

HERE = os.path.dirname(os.path.abspath(__file__))


class Block(nn.Module):
    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = width * 4 if bottleneck else width
        conv = lambda i, o, k, s: nn.Conv2d(i, o, k, s, k // 2, bias=False)
        if bottleneck:
            self.conv1, self.bn1 = conv(inputs, width, 1, 1), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = conv(width, width, 3, stride), nn.BatchNorm2d(width)
            self.conv3, self.bn3 = conv(width, outputs, 1, 1), nn.BatchNorm2d(outputs)
        else:
            self.conv1, self.bn1 = conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = conv(width, width, 3, 1), nn.BatchNorm2d(width)
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
        self.outputs = outputs


class ResNet(nn.Module):
    def __init__(self, blocks, bottleneck):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        channels = 64
        for stage, count in enumerate(blocks):
            layers = []
            for i in range(count):
                layers.append(Block(channels, 64 << stage, 2 if stage and not i else 1, bottleneck))
                channels = layers[-1].outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(channels, 1)


class VGG(nn.Module):
    def __init__(self, norm):
        super().__init__()
        layers, channels = [], 3
        for v in [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]:
            if v == "M":
                layers.append(nn.MaxPool2d(2))
                continue
            layers.append(nn.Conv2d(channels, v, 3, padding=1))
            if norm:
                layers.append(nn.BatchNorm2d(v))
            layers.append(nn.ReLU())
            channels = v
        self.features, self.fc = nn.Sequential(*layers), nn.Linear(channels, 1)


# torchvision's documented numbers of parameters, less its 1000 outputs (and VGG's two dense layers).
nets = {
    "resnet18": (ResNet([2, 2, 2, 2], False), 11_689_512 - 512_000 - 1_000 + 513),
    "resnet50": (ResNet([3, 4, 6, 3], True), 25_557_032 - 2_048_000 - 1_000 + 2_049),
    "vgg16": (VGG(False), 138_357_544 - 123_642_856 + 513),
    "vgg16_bn": (VGG(True), 138_365_992 - 123_642_856 + 513),
}
with open(os.path.join(HERE, "model_names.txt"), "w") as f:
    for name, (net, count) in nets.items():
        assert sum(p.numel() for p in net.parameters()) == count, name
        print(f"== {name}", file=f)
        for key, value in net.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                print(key, ",".join(map(str, value.shape)), file=f)
