//! Parts of one resolution, with equal neighbours folded, and the pool that ends them.

use super::cell::Part;

/// Equal parts in a row.
#[derive(Clone, Debug)]
pub struct Folded {
    pub part: Part,
    pub count: usize,
    /// Of all of them.
    pub trainable: usize,
}

/// A run of parts whose outputs have one height and width (and depth).
#[derive(Clone, Debug)]
pub struct Stage {
    /// Of one sample, at the end of the stage.
    pub output: Vec<usize>,
    pub parts: Vec<Folded>,
    /// The pool behind it, `max-pool 2x2`, and its output.
    pub pool: Option<(String, Vec<usize>)>,
}

impl Stage {
    /// Everything but the channels; nothing for a row of features.
    pub fn size(&self) -> &[usize] {
        size(&self.output)
    }

    pub fn trainable(&self) -> usize {
        self.parts.iter().map(|f| f.trainable).sum()
    }
}

fn size(shape: &[usize]) -> &[usize] {
    &shape[..shape.len() - 1]
}

pub fn stages(parts: Vec<Part>, full: bool) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut pooled: Option<Vec<usize>> = None;
    for part in parts {
        let (kind, output) = (part.end().kind, part.end().output.clone());
        if (kind == "max-pool" || kind == "avg-pool")
            && let Some(last) = stages.last_mut().filter(|s| s.pool.is_none())
        {
            last.pool = Some((part.end().words.clone(), output.clone()));
            pooled = Some(output);
            continue;
        }
        // A pool with nothing of its resolution behind it: the bottom of a U-Net's encoder.
        if let Some(pooled) = pooled.take().filter(|p| size(p) != size(&output)) {
            stages.push(Stage { output: pooled, parts: Vec::new(), pool: None });
        }
        let trainable = part.trainable();
        match stages.last_mut().filter(|s| s.pool.is_none() && s.size() == size(&output)) {
            None => stages.push(Stage { output, parts: vec![Folded { part, count: 1, trainable }], pool: None }),
            Some(stage) => {
                stage.output = output;
                match stage.parts.last_mut().filter(|f| !full && f.part.is_like(&part)) {
                    Some(last) => {
                        last.count += 1;
                        last.trainable += trainable;
                    }
                    None => stage.parts.push(Folded { part, count: 1, trainable }),
                }
            }
        }
    }
    stages
}
