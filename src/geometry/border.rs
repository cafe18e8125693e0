//! The four borders of an image.

/// On which borders of the image something lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Borders {
    pub left: bool,
    pub right: bool,
    pub top: bool,
    pub bottom: bool,
}

impl Borders {
    pub fn any(&self) -> bool {
        self.left || self.right || self.top || self.bottom
    }

    /// "left, bottom"; empty where there is nothing.
    pub fn words(&self) -> String {
        let sides = [(self.left, "left"), (self.right, "right"), (self.top, "top"), (self.bottom, "bottom")];
        sides.iter().filter(|s| s.0).map(|s| s.1).collect::<Vec<_>>().join(", ")
    }
}
