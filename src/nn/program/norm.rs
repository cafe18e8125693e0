//! Batch normalisation's work on a card: moments, scale and shift, and the way back.

use super::emitter::{Emitter, Held, Site, Value};
use super::geometry;
use super::op::{Arg, Place};

/// Five rows of one value a channel: the batch's or the running statistics, and what follows from them.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    pub mean: Place,
    pub inverse_sd: Place,
    pub scale: Place,
    pub shift: Place,
}

/// A batch norm's parameters, in their order.
const WEIGHT: usize = 0;
const BIAS: usize = 1;
const RUNNING_MEAN: usize = 2;
const RUNNING_VAR: usize = 3;

impl Emitter {
    fn moments(&mut self, c: usize) -> Moments {
        let mut row = || self.floats(c);
        Moments { mean: row(), inverse_sd: row(), scale: row(), shift: row() }
    }

    /// Of the batch `x`; moves the running statistics.
    pub fn batch_moments(&mut self, x: &Value, norm: &[Held], momentum: f64, eps: f64) -> Moments {
        let (rows, c) = (x.rows(), x.channels());
        let blocks = geometry::row_blocks(rows);
        let (partial, pivot, moments) = (self.floats(2 * blocks * c), self.floats(c), self.moments(c));
        let sizes = [Arg::I64(rows as i64), Arg::I32(c as i32)];
        let args = [&[x.at(), partial.into(), pivot.into()][..], &sizes].concat();
        self.launch_typed("bn_moments", x.element, geometry::columns(rows, c), args);
        let args = vec![
            partial.into(),
            pivot.into(),
            norm[WEIGHT].value(),
            norm[BIAS].value(),
            norm[RUNNING_MEAN].value(),
            norm[RUNNING_VAR].value(),
            moments.mean.into(),
            moments.inverse_sd.into(),
            moments.scale.into(),
            moments.shift.into(),
            Arg::F64(momentum),
            Arg::F64(eps),
            Arg::I64(rows as i64),
            Arg::I32(blocks as i32),
            Arg::I32(c as i32),
        ];
        self.launch("bn_finish", geometry::channels(c), args);
        moments
    }

    /// Of the running statistics.
    pub fn running(&mut self, norm: &[Held], eps: f64, c: usize) -> Moments {
        let moments = self.moments(c);
        let mut args: Vec<Arg> = [WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR].map(|i| norm[i].value()).to_vec();
        args.extend([moments.mean, moments.inverse_sd, moments.scale, moments.shift].map(Arg::At));
        args.extend([Arg::F64(eps), Arg::I32(c as i32)]);
        self.launch("bn_running", geometry::channels(c), args);
        moments
    }

    /// `y = x * scale + shift (+ addend)`, then ReLU if asked for; `y` may be `x`.
    pub fn apply_norm(&mut self, x: &Value, moments: Moments, addend: Option<&Value>, relu: bool, y: &Value) {
        let (rows, c) = (x.rows(), x.channels());
        let args = vec![
            x.at(),
            moments.scale.into(),
            moments.shift.into(),
            addend.map_or(Arg::At(Place::Null), Value::at),
            y.at(),
            Arg::I64(rows as i64),
            Arg::I32(c as i32),
            Arg::I32(i32::from(relu)),
        ];
        self.launch_typed("bn_apply", x.element, geometry::columns(rows, c), args);
    }

    /// Gradients of weight and bias, and towards the input, from `grad`, which becomes the gradient towards a
    /// fused sum's other summand. Returns the gradient towards the input, if it is wanted.
    pub fn norm_backward(&mut self, site: &Site, grad: &Value, moments: Moments) -> Option<Value> {
        let x = &site.inputs[0];
        let (rows, c) = (x.rows(), x.channels());
        let blocks = geometry::row_blocks(rows);
        let gate = match (site.fused.relu, site.fused.add) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        let output = if gate == 2 { site.output().at() } else { Arg::At(Place::Null) };
        let (scale, shift) = (Arg::At(moments.scale), Arg::At(moments.shift));
        let sizes = [Arg::I64(rows as i64), Arg::I32(c as i32)];
        let partial = self.floats(2 * blocks * c);
        let mut args = vec![grad.at(), x.at(), output, scale, shift, moments.mean.into(), partial.into()];
        args.extend(sizes);
        args.push(Arg::I32(gate));
        self.launch_typed("bn_grad_sums", x.element, geometry::columns(rows, c), args);
        let [a, b, k] = [(); 3].map(|()| self.floats(c));
        let held = &site.parameters;
        let trained = held[WEIGHT].trainable;
        let grad_of = |i: usize| if trained { held[i].grad() } else { Arg::At(Place::Null) };
        let mut args = vec![partial.into(), held[WEIGHT].value(), moments.mean.into(), moments.inverse_sd.into()];
        args.extend([a, b, k].map(Arg::At));
        args.extend([grad_of(WEIGHT), grad_of(BIAS), self.scalars(), Arg::I64(rows as i64)]);
        args.extend([Arg::I32(blocks as i32), Arg::I32(c as i32), Arg::I32(i32::from(site.training))]);
        self.launch("bn_grad_finish", geometry::channels(c), args);
        let keep = site.fused.add;
        let target = match (site.wanted[0], keep) {
            (false, false) => return None,
            (false, true) => None,
            (true, false) => Some(grad.clone()),
            (true, true) => Some(self.value(x.shape.clone(), x.element)),
        };
        let mut args = vec![grad.at(), x.at(), output, scale, shift];
        args.extend([a, b, k].map(Arg::At));
        args.push(target.as_ref().map_or(Arg::At(Place::Null), Value::at));
        args.extend(sizes);
        args.extend([Arg::I32(gate), Arg::I32(i32::from(keep))]);
        self.launch_typed("bn_grad_apply", x.element, geometry::columns(rows, c), args);
        target
    }
}
