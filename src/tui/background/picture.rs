//! Pictures for the screen: the image, and what lies over it, read from their files.

use super::{data, mask, words};
use crate::dataset::hc18::decode_gray;
use crate::tui::widget::picture::{Brush, Picture, Request, paint};
use crate::tui::widget::tint::Coat;

/// What `request` wants, painted.
///
/// # Errors
/// A file that cannot be read, or is damaged; in the words of the screen.
pub fn painted(request: &Request, brush: &Brush) -> Result<Picture, String> {
    let gray = decode_gray(&request.file).map_err(|e| words(&e))?;
    let mut request = request.clone();
    if let Some(ring) = request.ring.take() {
        request.ovals.extend(data::oval_of_ring(&ring));
    }
    let veil = request.veil.as_ref().map(|veil| mask::predicted(veil, gray.width(), gray.height()));
    let veil = veil.transpose().map_err(|e| words(&e))?;
    let coats: Vec<Coat> = veil.into_iter().map(|mask| Coat { mask, style: brush.prediction, glyph: 'x' }).collect();
    paint(&gray, &coats, &request, brush)
}
