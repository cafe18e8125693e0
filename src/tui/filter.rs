//! What people type to see less: words, and figures with a bound.

/// One condition.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    /// Stands somewhere in the row's text.
    Word(String),
    /// A figure of that name (empty: the row's main one) compared with a number.
    Bound { name: String, sign: char, bound: f64 },
}

/// All conditions; a row fits if every one holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    terms: Vec<Term>,
}

impl Filter {
    /// Words are separated by blanks. `mae<60`, `>20px`, `=3%` are bounds on a figure: its name may stand in front, or
    /// behind as its unit.
    pub fn parse(text: &str) -> Filter {
        Filter { terms: text.split_whitespace().map(term).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a row with `text` and the figures that `figure` knows by name fits. A bound on a figure that the row
    /// lacks, or that nobody knows, does not hold.
    pub fn fits(&self, text: &str, figure: impl Fn(&str) -> Option<f64>) -> bool {
        let text = text.to_lowercase();
        self.terms.iter().all(|term| match term {
            Term::Word(word) => text.contains(word.as_str()),
            Term::Bound { name, sign, bound } => figure(name).is_some_and(|v| match sign {
                '<' => v < *bound,
                '>' => v > *bound,
                _ => (v - bound).abs() < 1e-9,
            }),
        })
    }
}

fn term(word: &str) -> Term {
    let lower = word.to_lowercase();
    if let Some(at) = lower.find(['<', '>', '=']) {
        let (name, rest) = lower.split_at(at);
        let sign = rest.chars().next().unwrap_or('=');
        let figure = &rest[1..];
        let digits = figure.find(|c: char| !(c.is_ascii_digit() || ".-+".contains(c))).unwrap_or(figure.len());
        let (number, unit) = figure.split_at(digits);
        if let Ok(bound) = number.parse() {
            let name = if name.is_empty() { unit } else { name };
            return Term::Bound { name: name.to_owned(), sign, bound };
        }
    }
    Term::Word(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(filter: &str) -> bool {
        let figure = |name: &str| match name {
            "" | "px" => Some(52.5),
            "mm" => Some(8.0),
            "exam" => Some(392.0),
            _ => None,
        };
        Filter::parse(filter).fits("392_HC.png t2 validation", figure)
    }

    #[test]
    fn every_condition_must_hold() {
        assert!(fits("") && fits("T2") && fits(">20px") && fits("<10mm t2") && fits("exam=392") && fits("392_hc >52"));
        assert!(!fits("t3") && !fits("<20px") && !fits(">20px t3") && !fits("weight>3") && !fits(">x"));
    }
}
