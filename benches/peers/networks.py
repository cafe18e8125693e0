"""The zoo in PyTorch, with the layers and the sizes of hcwb's own (`hcwb model show NAME`)."""
import torch
import torch.nn as nn


def cnn(convs, dense):
    layers, channels, size = [], 1, 128
    for out, pool in convs:
        layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm2d(out)]
        channels = out
        if pool:
            layers.append(nn.MaxPool2d(2))
            size //= 2
    layers.append(nn.Flatten())
    width = channels * size * size
    for i, units in enumerate(dense):
        layers += [nn.Linear(width, units), nn.ReLU(inplace=True)]
        if i == 0:
            layers += [nn.BatchNorm1d(units), nn.Dropout(0.5)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 1))


class Vgg16(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for width in (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool"):
            if width == "pool":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
        self.features, self.fc = nn.Sequential(*layers), nn.Linear(512, 1)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class Bottleneck(nn.Module):
    """Stride in the first 1x1 (v1), as hcwb's default."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
            layers = []
            for i in range(blocks):
                layers.append(Bottleneck(inputs, width, 2 if i == 0 and stage > 1 else 1))
                inputs = 4 * width
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.fc = nn.Linear(2048, 1)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Level(nn.Module):
    def __init__(self, inputs, width, up=None):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        if up:
            self.up = nn.ConvTranspose2d(up, width, 2, 2)

    def forward(self, x, skip=None):
        if skip is not None:
            x = torch.cat([skip, self.up(x)], 1)
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))


class UNet(nn.Module):
    """Widths 16 to 256, batch norm, 2x2 transposed convolutions: the preprint's, 1,943,761 parameters."""

    def __init__(self, widths=(16, 32, 64, 128, 256)):
        super().__init__()
        *levels, bottom = widths
        self.encoder = nn.ModuleList(Level(i, o) for i, o in zip((1, *levels), levels))
        self.bottleneck = Level(levels[-1], bottom)
        self.decoder = nn.ModuleList(Level(2 * o, o, up=i) for i, o in zip(widths[:0:-1], levels[::-1]))
        self.pool, self.head = nn.MaxPool2d(2), nn.Conv2d(widths[0], 1, 1)

    def forward(self, x):
        skips = []
        for level in self.encoder:
            skips.append(level(x))
            x = self.pool(skips[-1])
        x = self.bottleneck(x)
        for level, skip in zip(self.decoder, skips[::-1]):
            x = level(x, skip)
        return torch.sigmoid(self.head(x))


def cardiac_vgg3d():
    layers, channels = [], 1
    for width in (8, 8, "pool", 16, 16, "pool", 32, 32, 32, "pool", 64, 64, 64, 64, 64, 64):
        if width == "pool":
            layers.append(nn.MaxPool3d(2))
        else:
            layers += [nn.Conv3d(channels, width, 3, padding=1), nn.BatchNorm3d(width), nn.ReLU(inplace=True)]
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 1))


# Name: (network, input channels, height and width); of a volume (depth, height and width).
MODELS = {
    "cnn263k": (lambda: cnn([(8, True), (16, True)], [16, 8]), 1, 128),
    "cnn1m": (lambda: cnn([(16, True), (32, True), (64, False)], [16, 32, 8]), 1, 128),
    "cnn1m-as-drawn": (lambda: cnn([(16, True), (32, True), (64, True)], [16, 32, 8]), 1, 128),
    "unet": (UNet, 1, 224),
    "reg-vgg16": (Vgg16, 3, 224),
    "reg-resnet50": (ResNet50, 3, 224),
    "cardiac-vgg3d": (cardiac_vgg3d, 1, (9, 224)),
}


def input_shape(model):
    """Of one sample: channels, [depth,] height, width."""
    _, channels, size = MODELS[model]
    *depth, side = size if isinstance(size, tuple) else (size,)
    return (channels, *depth, side, side)


def dice_loss(prediction, truth):
    return 1 - 2 * (prediction * truth).sum() / (prediction.sum() + truth.sum())
