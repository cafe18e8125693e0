//! What can be wrong with a data set, and how badly.

use crate::text;
use serde::{Deserialize, Serialize};

/// Errors keep a run from starting without `--allow-defects`; warnings are only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Error,
    Warning,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// There is no table of pixel sizes.
    MissingTable,
    /// The table's first line is not the published one.
    WrongHeader,
    UnparsableRow,
    /// An image without its annotation, or the reverse.
    MissingPartner,
    /// A file that cannot be read or decoded.
    UnreadableImage,
    RowWithoutImage,
    ImageWithoutRow,
    DuplicateRow,
    /// Two images with the same bytes.
    IdenticalImages,
    /// Not 800x540 px.
    OddSize,
    AnnotationSizeDiffers,
    EmptyRing,
    /// Ring pixels that determine no ellipse.
    NoEllipse,
    RingCutByBorder,
    PixelSizeOutOfRange,
    /// The table's circumference is not that of the ellipse through the ring.
    HcDisagrees,
    /// Not 8-bit grey: converted.
    ConvertedImage,
    /// A file whose name says no part in the data: left out.
    UnexpectedFile,
    /// `Info.cfg` is missing, or a key of it is missing, repeated or not to be read.
    WrongInfo,
    /// Neither image nor mask of ED or ES.
    MissingPhase,
    /// A mask that holds something else than 0, 1, 2 and 3.
    WrongLabel,
    /// A mask with other numbers of voxels than its image.
    MaskShapeDiffers,
    /// A heart without its right ventricle, its myocardium or its left ventricle.
    EmptyStructure,
    /// Image and mask, or the header's own pixdim and sform, say different spacings.
    SpacingDiffers,
    /// A spacing that no cine of a heart has.
    OddSpacing,
    /// The frame's header and that of the 4D file say different things.
    CineDiffers,
    /// The left ventricle is larger at ES than at ED.
    PhasesSwapped,
    /// An offered volume is at least 1 ml from the counted one.
    AbnormalVolume,
}

impl FindingKind {
    pub fn severity(self) -> Severity {
        use FindingKind::*;
        match self {
            MissingTable | WrongHeader | UnparsableRow | MissingPartner | UnreadableImage | RowWithoutImage
            | ImageWithoutRow | WrongInfo | MissingPhase | WrongLabel | MaskShapeDiffers => Severity::Error,
            _ => Severity::Warning,
        }
    }

    /// The name as in JSON: `missing-partner`.
    pub fn word(self) -> &'static str {
        use FindingKind::*;
        match self {
            MissingTable => "missing-table",
            WrongHeader => "wrong-header",
            UnparsableRow => "unparsable-row",
            MissingPartner => "missing-partner",
            UnreadableImage => "unreadable-image",
            RowWithoutImage => "row-without-image",
            ImageWithoutRow => "image-without-row",
            DuplicateRow => "duplicate-row",
            IdenticalImages => "identical-images",
            OddSize => "odd-size",
            AnnotationSizeDiffers => "annotation-size-differs",
            EmptyRing => "empty-ring",
            NoEllipse => "no-ellipse",
            RingCutByBorder => "ring-cut-by-border",
            PixelSizeOutOfRange => "pixel-size-out-of-range",
            HcDisagrees => "hc-disagrees",
            ConvertedImage => "converted-image",
            UnexpectedFile => "unexpected-file",
            WrongInfo => "wrong-info",
            MissingPhase => "missing-phase",
            WrongLabel => "wrong-label",
            MaskShapeDiffers => "mask-shape-differs",
            EmptyStructure => "empty-structure",
            SpacingDiffers => "spacing-differs",
            OddSpacing => "odd-spacing",
            CineDiffers => "cine-differs",
            PhasesSwapped => "phases-swapped",
            AbnormalVolume => "abnormal-volume",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: FindingKind,
    /// The file that is wrong or missing; safe for a terminal.
    pub file: String,
    pub detail: String,
    pub severity: Severity,
}

impl Finding {
    /// Both texts are made safe for a terminal.
    pub(super) fn new(kind: FindingKind, file: &str, detail: impl AsRef<str>) -> Finding {
        let (file, detail) = (text::line(file).into_owned(), text::line(detail.as_ref()).into_owned());
        Finding { kind, file, detail, severity: kind.severity() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_json() {
        for kind in [
            FindingKind::MissingPartner,
            FindingKind::HcDisagrees,
            FindingKind::UnexpectedFile,
            FindingKind::AbnormalVolume,
        ] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.word()));
        }
    }

    #[test]
    fn control_characters_of_a_file_name_stay_out_of_findings() {
        let finding = Finding::new(FindingKind::UnexpectedFile, "\x1b[2Jevil.png", "a\u{9b}b");
        assert_eq!((finding.file.as_str(), finding.detail.as_str()), ("[2Jevil.png", "ab"));
    }
}
