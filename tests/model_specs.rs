//! A spec describes any member of a family, and a wrong one says what is wrong.

use hcwb::error::{Error, Kind};
use hcwb::model::Spec;
use hcwb::nn::{Graph, Network, Pass, Tensor};

fn build(text: &str) -> hcwb::Result<Graph> {
    Spec::parse(text, "mine.toml")?.build()
}

fn error(text: &str) -> Error {
    let error = build(text).expect_err(text);
    assert_eq!(error.kind, Kind::Usage, "{text}: {error}");
    assert_eq!(error.file.as_deref().and_then(|f| f.to_str()), Some("mine.toml"), "{text}");
    error
}

const RESNET: &str = r#"
    family = "resnet"
    blocks = [1, 1, 1, 1]
    width = 8
    bottleneck = true
    stride_in = "3x3"
    input = [64, 64, 3]
"#;

/// Small members, all kinds of layers: each computes one value or one mask from one input.
#[test]
fn small_members_of_every_family_compute() {
    let specs = [
        (RESNET.to_owned(), vec![1]),
        (RESNET.replace("true", "false").replace("3x3", "1x1"), vec![1]),
        ("family = \"vgg\"\nwidths = [8, 8, \"pool\", 16]\nbatch_norm = false\ninput = [20, 24, 3]".into(), vec![1]),
        ("family = \"vgg\"\nwidths = [4, \"pool\", 6]\ninput = [6, 8, 8, 1]\noutputs = \"multi-output\"".into(), vec![3]),
        (
            "family = \"vgg\"\nwidths = [4, 4, \"pool\", 6]\ninput = [6, 8, 8, 1]\nkernel3d = \"3x3x2\"\n\
             head = \"flatten\"\noutputs = \"multi-label\"\nbatch_norm = true"
                .into(),
            vec![3],
        ),
        ("family = \"cnn\"\nconvs = [8, 16]\ndense = [16, 8]\ninput = [16, 16, 1]".into(), vec![1]),
        ("family = \"unet\"\nwidths = [4, 6, 8]\nclasses = 2\ninput = [16, 24, 1]".into(), vec![16, 24, 2]),
        ("family = \"unet\"\nwidths = [4, 6]\nupsampling = \"transposed+bn\"\ninput = [8, 8, 1]".into(), vec![8, 8, 1]),
        (
            "family = \"unet-vgg\"\nwidths = [4, \"pool\", 6, \"pool\"]\ndecoder = [6, 4]\nskips = 1\ninput = [8, 8, 3]"
                .into(),
            vec![8, 8, 1],
        ),
    ];
    for (text, output) in specs {
        let graph = build(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let shape = [&[2], graph.input_shape()].concat();
        let values = (0..shape.iter().product()).map(|i: usize| (i % 7) as f32 / 7.0).collect();
        let y = Network::new(graph, 1).forward(&Tensor::from_vec(&shape, values).unwrap(), Pass::Eval).unwrap();
        assert_eq!(y.shape()[1..], output, "{text}");
        assert!(y.data().iter().all(|v| v.is_finite()), "{text}");
    }
}

#[test]
fn an_unknown_key_family_or_word_names_the_nearest() {
    let cure = |text: &str| error(text).cure.unwrap_or_default();
    assert_eq!(cure("family = \"resnett\""), "did you mean resnet?");
    assert_eq!(cure(&RESNET.replace("bottleneck", "botleneck")), "did you mean bottleneck?");
    assert_eq!(cure(&RESNET.replace("\"3x3\"", "\"3x\"")), "did you mean 3x3?");
    assert!(cure(&format!("{RESNET}\nxyzzy = 1")).starts_with("its settings are"));
    assert!(cure("blocks = [1]").contains("family"));
}

#[test]
fn a_value_of_the_wrong_kind_or_size_is_named_with_its_key() {
    let resnet = |from: &str, to: &str| RESNET.replace(from, to);
    for (text, key) in [
        (resnet("[1, 1, 1, 1]", "[1, -1]"), "blocks"),
        (resnet("[1, 1, 1, 1]", "[]"), "blocks"),
        (resnet("[1, 1, 1, 1]", "[0]"), "blocks"),
        (resnet("[1, 1, 1, 1]", "\"three\""), "blocks"),
        (resnet("width = 8", "width = 0"), "width"),
        (resnet("width = 8", "width = 8.5"), "width"),
        (resnet("width = 8", "head_dropout = 1.0"), "head_dropout"),
        (resnet("width = 8", "batch_norm_eps = nan"), "batch_norm_eps"),
        (resnet("width = 8", "batch_norm_eps = -1"), "batch_norm_eps"),
        (resnet("width = 8", "head = \"flat\""), "head"),
        (resnet("width = 8", "head = []"), "head"),
        (resnet("[64, 64, 3]", "[64, 64]"), "input"),
        (resnet("[64, 64, 3]", "[64, 64, 0]"), "input"),
        (resnet("input = [64, 64, 3]", ""), "input"),
        ("family = \"vgg\"\nwidths = [8, \"pol\"]\ninput = [8, 8, 1]".into(), "widths"),
        ("family = \"vgg\"\nwidths = [\"pool\"]\ninput = [8, 8, 1]".into(), "widths"),
        ("family = \"vgg\"\nwidths = [8]\nkernel3d = \"3x3\"\ninput = [8, 8, 8, 1]".into(), "kernel3d"),
        ("family = \"cnn\"\nconvs = [8]\npools = 2\ndense = [4]\ninput = [8, 8, 1]".into(), "pools"),
    ] {
        let said = error(&text).what;
        assert!(said.contains(key), "{text}\n{said}");
    }
    assert!(build("family = ").unwrap_err().what.contains("not valid TOML"));
}

#[test]
fn sizes_that_do_not_fit_name_the_layer_or_the_rule() {
    let said = error("family = \"vgg\"\nwidths = [8, \"pool\", \"pool\"]\ninput = [3, 3, 1]").what;
    assert!(said.starts_with("layer features.3 (max-pool)"), "{said}");
    let said = error("family = \"unet\"\nwidths = [4, 6, 8]\ninput = [18, 16, 1]");
    assert!(said.what.contains("18x16") && said.cure.unwrap().contains("multiples of 4"));
}

/// The sizes are added up before any weight is made: such a spec costs no memory.
#[test]
fn no_spec_may_ask_for_more_than_a_machine_has() {
    for text in [
        "family = \"cnn\"\nconvs = [65536]\ndense = [65536]\ninput = [4096, 4096, 1]",
        "family = \"vgg\"\nwidths = [65536, 65536]\ninput = [8, 8, 3]",
        "family = \"vgg\"\nwidths = [8]\ninput = [65536, 65536, 65536, 65536]",
        "family = \"vgg\"\nwidths = [9223372036854775807]\ninput = [8, 8, 3]",
        "family = \"resnet\"\nblocks = [65536]\nwidth = 64\ninput = [64, 64, 3]",
        "family = \"resnet\"\nblocks = [1, 1, 1, 1]\nwidth = 65536\ninput = [64, 64, 3]",
        "family = \"unet\"\nwidths = [65536, 65536]\ninput = [64, 64, 3]",
        "family = \"unet\"\nwidths = [64, 64]\nclasses = 65536\ninput = [4096, 4096, 1]",
    ] {
        error(text);
    }
}
