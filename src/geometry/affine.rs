//! Affine maps of the plane: x' = L x + t.

/// `x' = xx x + xy y + tx`, `y' = yx x + yy y + ty`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    pub xx: f64,
    pub xy: f64,
    pub yx: f64,
    pub yy: f64,
    pub tx: f64,
    pub ty: f64,
}

impl Affine {
    pub const IDENTITY: Affine = Affine { xx: 1.0, xy: 0.0, yx: 0.0, yy: 1.0, tx: 0.0, ty: 0.0 };

    pub fn translation(tx: f64, ty: f64) -> Affine {
        Affine { tx, ty, ..Affine::IDENTITY }
    }

    /// Scales about the origin.
    pub fn scaling(sx: f64, sy: f64) -> Affine {
        Affine { xx: sx, yy: sy, ..Affine::IDENTITY }
    }

    /// Turns about the origin; with y down, a positive angle turns clockwise on the screen.
    pub fn rotation(angle_rad: f64) -> Affine {
        let (sin, cos) = angle_rad.sin_cos();
        Affine { xx: cos, xy: -sin, yx: sin, yy: cos, tx: 0.0, ty: 0.0 }
    }

    /// The map from pixel coordinates of a `from` (width, height) image to those of the same image resized to `to`.
    ///
    /// Edges map to edges, so that centres are shifted by half a pixel before and after the scaling.
    pub fn resize(from: (f64, f64), to: (f64, f64)) -> Affine {
        let (sx, sy) = (to.0 / from.0, to.1 / from.1);
        Affine { xx: sx, yy: sy, tx: 0.5 * sx - 0.5, ty: 0.5 * sy - 0.5, ..Affine::IDENTITY }
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Affine) -> Affine {
        let (tx, ty) = next.apply(self.tx, self.ty);
        Affine {
            xx: next.xx * self.xx + next.xy * self.yx,
            xy: next.xx * self.xy + next.xy * self.yy,
            yx: next.yx * self.xx + next.yy * self.yx,
            yy: next.yx * self.xy + next.yy * self.yy,
            tx,
            ty,
        }
    }

    pub fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        (self.xx * x + self.xy * y + self.tx, self.yx * x + self.yy * y + self.ty)
    }

    pub fn determinant(&self) -> f64 {
        self.xx * self.yy - self.xy * self.yx
    }

    /// The inverse map, or `None` where the plane is flattened.
    pub fn inverse(&self) -> Option<Affine> {
        let det = self.determinant();
        if det == 0.0 || !det.is_finite() {
            return None;
        }
        let (xx, xy, yx, yy) = (self.yy / det, -self.xy / det, -self.yx / det, self.xx / det);
        Some(Affine { xx, xy, yx, yy, tx: -(xx * self.tx + xy * self.ty), ty: -(yx * self.tx + yy * self.ty) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_then_its_inverse_changes_nothing() {
        let map = Affine::rotation(0.7).then(&Affine::scaling(0.16, 0.24)).then(&Affine::translation(3.0, -2.0));
        let back = map.then(&map.inverse().unwrap());
        for (x, y) in [(0.0, 0.0), (799.0, 539.0), (-3.5, 12.25)] {
            let (u, v) = back.apply(x, y);
            assert!((u - x).abs() < 1e-9 && (v - y).abs() < 1e-9);
        }
        assert!(Affine::scaling(0.0, 1.0).inverse().is_none());
    }

    #[test]
    fn resizing_maps_edges_to_edges() {
        let map = Affine::resize((800.0, 540.0), (128.0, 128.0));
        assert_eq!(map.apply(-0.5, -0.5), (-0.5, -0.5));
        let (x, y) = map.apply(799.5, 539.5);
        assert!((x - 127.5).abs() < 1e-12 && (y - 127.5).abs() < 1e-12);
    }
}
