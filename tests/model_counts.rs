//! Every network of the papers has exactly the parameters that were counted for it elsewhere.
//!
//! The counts come from Keras and torchvision (the published ones, and readings of what is published);
//! those of U-Nets are also summed up by hand here.

use hcwb::model::{self, ModelOptions};

/// Trainable and other parameters of a model with these settings.
fn count(name: &str, settings: &[&str]) -> (usize, usize) {
    let mut options = ModelOptions::default();
    settings.iter().for_each(|pair| options.set_pair(pair).unwrap());
    model::build(name, &options).unwrap_or_else(|e| panic!("{name} {settings:?}: {e}")).parameter_count()
}

fn check(name: &str, expected: &[(&[&str], usize, usize)]) {
    for (settings, trainable, others) in expected {
        assert_eq!(count(name, settings), (*trainable, *others), "{name} {settings:?}");
    }
}

#[test]
fn the_slides_cnns() {
    check("cnn263k", &[(&[], 263_633, 80), (&["input=224x224x1"], 804_305, 80), (&["input=128x128x3"], 263_777, 80)]);
    check("cnn1m", &[(&[], 1_072_961, 256), (&["pools=3"], 286_529, 256)]);
    check("cnn1m-as-drawn", &[(&[], 286_529, 256)]);
}

#[test]
fn reg_vgg16() {
    check(
        "reg-vgg16",
        &[
            (&[], 14_715_201, 0),
            (&["head=flatten"], 14_739_777, 0),
            (&["head=flatten [4096, 4096]"], 134_264_641, 0),
            (&["head=[512]"], 14_714_688 + 512 * 513 + 513, 0),
            // torchvision's vgg16_bn: its features have 14,723,136.
            (&["batch_norm=true"], 14_723_136 + 513, 8_448),
        ],
    );
}

#[test]
fn reg_resnet50() {
    check(
        "reg-resnet50",
        &[
            (&[], 23_510_081, 53_120),
            (&["stride_in=3x3"], 23_510_081, 53_120),
            (&["reading=keras"], 23_536_641, 53_120),
            (&["reading=keras", "head=flatten"], 23_634_945, 53_120),
            (&["reading=keras", "head=[512]"], 24_584_193, 53_120),
            (&["reading=keras", "head=[512, 256]"], 24_715_265, 53_120),
            (&["reading=keras", "head=[256]"], 24_059_393, 53_120),
            (&["reading=keras", "head=[256, 128]"], 24_092_161, 53_120),
            (&["reading=keras", "head=[128, 64]"], 23_805_185, 53_120),
            (&["reading=keras", "head=[1024, 512]"], 26_158_081, 53_120),
            // torchvision's resnet18 and resnet34: 11,176,512 and 21,284,672 without their `fc`.
            (&["blocks=[2,2,2,2]", "bottleneck=false"], 11_176_512 + 513, 9_600),
            (&["blocks=[3,4,6,3]", "bottleneck=false"], 21_284_672 + 513, 17_024),
            // torchvision's resnet101: 42,500,160.
            (&["blocks=[3,4,23,3]"], 42_500_160 + 2_049, 105_344),
        ],
    );
}

#[test]
fn u_nets() {
    check(
        "unet",
        &[
            (&[], 1_943_761, 2_944),
            (&["input=224x224x3"], 1_944_049, 2_944),
            (&["batch_norm=false"], 1_940_817, 0),
            (&["batch_norm=false", "input=224x224x3"], 1_941_105, 0),
        ],
    );
    check(
        "unet-small",
        &[
            (&[], 117_985, 0),
            (&["upsampling=transposed"], 116_753, 0),
            (&["upsampling=transposed+bn"], 117_393, 640),
            (&["input=128x128x3"], 118_273, 0),
        ],
    );
    let conv = |taps: usize, inputs: usize, outputs: usize| taps * inputs * outputs + outputs;
    let level = |inputs, width| conv(9, inputs, width) + conv(9, width, width);
    let widths = [64, 128, 256, 512, 1024];
    let down: usize = level(1, 64) + widths.windows(2).map(|w| level(w[0], w[1])).sum::<usize>();
    let up: usize = widths.windows(2).map(|w| conv(4, w[1], w[0]) + level(2 * w[0], w[0])).sum();
    assert_eq!(down + up + conv(1, 64, 1), 31_030_593);
    check("unet-classic", &[(&[], 31_030_593, 0)]);
}

#[test]
fn the_u_net_on_vgg16() {
    check(
        "unet-vgg16",
        &[
            (&[], 19_027_601, 1_984),
            (&["classes=3"], 19_027_891, 1_984),
            // segmentation_models 0.1: five skips.
            (&["classes=3", "skips=5"], 19_037_107, 1_984),
        ],
    );
}

#[test]
fn the_cardiac_vggs() {
    check(
        "cardiac-vgg2d",
        &[
            (&[], 232_121, 1_056),
            (&["head=flatten"], 235_193, 1_056),
            (&["outputs=multi-output"], 696_363, 3_168),
            (&["outputs=multi-label"], 232_251, 1_056),
        ],
    );
    check(
        "cardiac-vgg3d",
        &[
            (&[], 691_337, 1_056),
            (&["head=flatten"], 741_449, 1_056),
            (&["outputs=multi-output"], 2_074_011, 3_168),
            (&["outputs=multi-label"], 691_467, 1_056),
            (&["kernel3d=3x3x2"], 461_441, 1_056),
            (&["kernel3d=3x3x2", "head=flatten"], 511_553, 1_056),
            (&["kernel3d=3x3x2", "outputs=multi-output"], 1_384_323, 3_168),
        ],
    );
    // At VGG16's own width.
    let widths = r#"widths=[64,64,"pool",128,128,"pool",256,256,256,"pool",512,512,512,"pool",512,512,512,"pool"]"#;
    assert_eq!(count("cardiac-vgg2d", &[widths]).0, 14_727_105);
}

#[test]
fn the_encoder_and_nothing_else_can_be_frozen() {
    for (name, head) in [("reg-vgg16", 513), ("reg-resnet50", 2_049), ("unet-vgg16", 19_027_601 - 14_714_688)] {
        let mut graph = model::build(name, &ModelOptions::default()).unwrap();
        graph.freeze_encoder().unwrap();
        assert_eq!(graph.parameter_count().0, head, "{name}");
    }
    assert!(model::build("unet", &ModelOptions::default()).unwrap().freeze_encoder().is_err());
}
