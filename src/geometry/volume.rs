//! Stacks of labelled slices: the box around what is labelled, and its area, slice by slice.
//!
//! A stack is z x y x x: columns (x) fastest, then rows (y), then slices.

/// A rectangle of whole pixels: columns `left` to `right`, rows `top` to `bottom`, the ends excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelBox {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
}

impl PixelBox {
    /// Around everything labelled (not 0) in one slice of `width` columns; `None` where nothing is.
    pub fn around(slice: &[u8], width: usize) -> Option<PixelBox> {
        let mut found: Option<PixelBox> = None;
        for (y, row) in slice.chunks_exact(width).enumerate() {
            let Some(left) = row.iter().position(|label| *label != 0) else { continue };
            let right = width - row.iter().rev().position(|label| *label != 0).expect("one was found from the left");
            let line = PixelBox { left, top: y, right, bottom: y + 1 };
            found = Some(found.map_or(line, |all| all.union(&line)));
        }
        found
    }

    /// Around the boxes of all slices of a stack: the largest extent each way.
    pub fn around_stack(labels: &[u8], width: usize, height: usize) -> Option<PixelBox> {
        let boxes = labels.chunks_exact(width * height).filter_map(|slice| PixelBox::around(slice, width));
        boxes.reduce(|all, one| all.union(&one))
    }

    pub fn union(&self, other: &PixelBox) -> PixelBox {
        PixelBox {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    pub fn contains(&self, other: &PixelBox) -> bool {
        self.union(other) == *self
    }

    /// Width and height in px.
    pub fn size(&self) -> [usize; 2] {
        [self.right - self.left, self.bottom - self.top]
    }

    /// The middle, x and y, where a pixel's centre lies at whole numbers.
    pub fn center(&self) -> [f64; 2] {
        [(self.left + self.right) as f64 / 2.0 - 0.5, (self.top + self.bottom) as f64 / 2.0 - 0.5]
    }
}

/// How many pixels of each slice are labelled.
pub fn areas_px(labels: &[u8], slice_px: usize) -> Vec<usize> {
    labels.chunks_exact(slice_px).map(|slice| slice.iter().filter(|label| **label != 0).count()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_goes_around_all_labels_of_all_slices() {
        let (width, height) = (7, 5);
        let mut labels = vec![0; 3 * width * height];
        assert_eq!(PixelBox::around_stack(&labels, width, height), None);
        let mut set = |x: usize, y: usize, z: usize, label: u8| labels[(z * height + y) * width + x] = label;
        set(2, 1, 0, 3);
        set(4, 3, 0, 1);
        set(6, 0, 2, 2);
        let first = PixelBox::around(&labels[..width * height], width).unwrap();
        assert_eq!(first, PixelBox { left: 2, top: 1, right: 5, bottom: 4 });
        assert_eq!((first.size(), first.center()), ([3, 3], [3.0, 2.0]));
        let all = PixelBox::around_stack(&labels, width, height).unwrap();
        assert_eq!(all, PixelBox { left: 2, top: 0, right: 7, bottom: 4 });
        assert!(all.contains(&first) && !first.contains(&all));
        assert_eq!(areas_px(&labels, width * height), [2, 0, 1]);
    }
}
