//! Pictures for the screen: the image, and what lies over it, read from their files.

use super::{data, mask, slice, words};
use crate::dataset::hc18::decode_gray;
use crate::error::Result;
use crate::tui::widget::paint::{Brush, paint};
use crate::tui::widget::picture::{Picture, Request};
use crate::tui::widget::sheet;
use crate::tui::widget::tint::Coat;
use crate::workspace::Workspace;

/// What `request` wants, painted.
///
/// # Errors
/// A file that cannot be read, or is damaged; in the words of the screen.
pub fn painted(ws: &Workspace, request: &Request, brush: &Brush) -> Result<Picture, String> {
    if let Some(sheet) = &request.sheet {
        let gray = decode_gray(&request.file).map_err(|e| words(&e))?;
        return sheet::paint(&gray, sheet, request, brush);
    }
    match &request.slice {
        Some(_) => heart(ws, request, brush),
        None => head(request, brush),
    }
    .map_err(|e| words(&e))
    .and_then(|(gray, coats, request)| paint(&gray, &coats, &request, brush))
}

type Layers = (image::GrayImage, Vec<Coat>, Request);

/// An ultrasound image, its ring as an ellipse, the predicted mask.
fn head(request: &Request, brush: &Brush) -> Result<Layers> {
    let gray = decode_gray(&request.file)?;
    let mut request = request.clone();
    if let Some(ring) = request.ring.take() {
        request.ovals.extend(data::oval_of_ring(&ring));
    }
    let veil = request.veil.as_ref().map(|veil| mask::predicted(veil, gray.width(), gray.height())).transpose()?;
    let coats = veil.into_iter().map(|mask| Coat { mask, style: brush.prediction, glyph: 'x' }).collect();
    Ok((gray, coats, request))
}

/// A slice of a heart and the masks of its structures.
fn heart(ws: &Workspace, request: &Request, brush: &Brush) -> Result<Layers> {
    let mut request = request.clone();
    let wanted = request.slice.clone().unwrap_or_default();
    let (painted, frame) = slice::of(ws, &request.file, &wanted)?;
    request.frame = frame;
    let coat = |(mask, (style, glyph))| Coat { mask, style, glyph };
    let looks = brush.structures.into_iter().zip(['r', 'm', 'l']);
    let coats = painted.structures.into_iter().flatten().zip(looks).map(coat).collect();
    Ok((painted.gray, coats, request))
}
