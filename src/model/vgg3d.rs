//! The cardiac VGGs: volumes of the heart's parts from its slices, in 3D, or in 2D with slices as channels.
//!
//! An eighth of VGG16's widths (512 held at 64), batch norm behind every convolution, dropout .5 before
//! the output. The preprint removes two of the five pools in 3D, "to ensure it can output without
//! errors": nine slices can be halved three times. It gives the kernels as 3x3x3 in 5.2 and as 3x3x2
//! in 5.3.1 (`kernel3d = "3x3x2"`), and the widths of the 2D network nowhere.

use super::{ModelInfo, Task};

pub(super) const MODELS: &[ModelInfo] = &[
    ModelInfo {
        name: "cardiac-vgg2d",
        task: Task::Volume,
        purpose: "nine slices as channels",
        source: "preprint (S4) 5.3.2; its width is ours",
        spec: r#"
            family = "vgg"
            input = [224, 224, 9]
            widths = [8, 8, "pool", 16, 16, "pool", 32, 32, 32, "pool", 64, 64, 64, "pool", 64, 64, 64, "pool"]
            batch_norm = true
            head_dropout = 0.5
        "#,
    },
    ModelInfo {
        name: "cardiac-vgg3d",
        task: Task::Volume,
        purpose: "3D VGG on nine slices",
        source: "preprint (S4) 5.2, Fig. 18",
        spec: r#"
            family = "vgg"
            input = [9, 224, 224, 1]
            widths = [8, 8, "pool", 16, 16, "pool", 32, 32, 32, "pool", 64, 64, 64, 64, 64, 64]
            batch_norm = true
            head_dropout = 0.5
        "#,
    },
];
