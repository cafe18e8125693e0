//! The table of AOPC: every run and analyzer that has been measured, by any column.

use crate::run::RunDir;
use crate::tui::action::Effect;
use crate::tui::app::State;
use crate::tui::explained::Area;
use crate::tui::screen::{Hit, Painter};
use crate::tui::theme::Scope;
use crate::tui::widget::list::{self, Column, Selection, Width};
use crate::tui::widget::text::wrap;
use ratatui::layout::Rect;
use std::cmp::Ordering;

/// A column, which is also an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field {
    Run,
    Analyzer,
    First,
    #[default]
    Px,
    Interval,
    Mm,
    Images,
    Clean,
    End,
}

impl Field {
    const ALL: [Field; 9] = [
        Field::Run,
        Field::Analyzer,
        Field::First,
        Field::Px,
        Field::Interval,
        Field::Mm,
        Field::Images,
        Field::Clean,
        Field::End,
    ];

    fn column(self) -> Column {
        let figures = |title, cells| Column { title, width: Width::Cells(cells), figures: true };
        match self {
            Field::Run => Column { title: "run", width: Width::Rest(14), figures: false },
            Field::Analyzer => Column { title: "analyzer", width: Width::Cells(20), figures: false },
            Field::First => Column { title: "first", width: Width::Cells(6), figures: false },
            Field::Px => figures("AOPC px", 8),
            Field::Interval => figures("± px", 6),
            Field::Mm => figures("AOPC mm", 7),
            Field::Images => figures("images", 6),
            Field::Clean => figures("clean px", 8),
            Field::End => figures("end px", 7),
        }
    }

    fn cell(self, area: &Area) -> String {
        let line = &area.line;
        match self {
            Field::Run => short(area.run.id()),
            Field::Analyzer => line.analyzer.clone(),
            Field::First => line.order.clone(),
            Field::Px => format!("{:+.2}", line.aopc_px),
            Field::Interval => format!("{:.2}", line.aopc_px_interval),
            Field::Mm => format!("{:+.3}", line.aopc_mm),
            Field::Images => line.images.to_string(),
            Field::Clean => format!("{:.1}", line.error_px),
            Field::End => format!("{:.1}", line.curve_px.last().copied().unwrap_or(f64::NAN)),
        }
    }

    fn compare(self, a: &Area, b: &Area) -> Ordering {
        let (x, y) = (&a.line, &b.line);
        let end = |area: &Area| area.line.curve_px.last().copied().unwrap_or(f64::NAN);
        match self {
            Field::Run => a.run.id().cmp(b.run.id()),
            Field::Analyzer => x.analyzer.cmp(&y.analyzer),
            Field::First => x.order.cmp(&y.order),
            Field::Px => x.aopc_px.total_cmp(&y.aopc_px),
            Field::Interval => x.aopc_px_interval.total_cmp(&y.aopc_px_interval),
            Field::Mm => x.aopc_mm.total_cmp(&y.aopc_mm),
            Field::Images => x.images.cmp(&y.images),
            Field::Clean => x.error_px.total_cmp(&y.error_px),
            Field::End => end(a).total_cmp(&end(b)),
        }
    }
}

/// A run's id without its date: what tells runs of a table apart.
pub fn short(id: &str) -> String {
    id.splitn(3, '-').nth(2).unwrap_or(id).to_owned()
}

/// The table and its order.
#[derive(Default)]
pub struct Areas {
    /// None while nobody has read them.
    pub rows: Option<Vec<Area>>,
    selection: Selection,
    by: Field,
    reversed: bool,
    asked: bool,
}

impl Areas {
    /// Asks for the table, once.
    pub fn missing(&mut self) -> Option<Effect> {
        let ask = self.rows.is_none() && !self.asked;
        self.asked |= ask;
        ask.then_some(Effect::ReadAreas)
    }

    /// Reads the table again when it is shown next: something was measured.
    pub fn forget(&mut self) {
        (self.rows, self.asked) = (None, false);
    }

    pub fn take(&mut self, rows: Vec<Area>) {
        self.rows = Some(rows);
        self.arrange();
    }

    pub fn step(&mut self, by: isize) {
        self.selection.step(by, self.rows.as_ref().map_or(0, Vec::len));
    }

    /// The run and analyzer of the selected row.
    pub fn selected(&self) -> Option<(RunDir, String)> {
        let area = self.rows.as_ref()?.get(self.selection.index)?;
        Some((area.run.clone(), area.line.analyzer.clone()))
    }

    pub fn sort_by_next(&mut self) {
        let at = Field::ALL.iter().position(|f| *f == self.by).unwrap_or(0);
        (self.by, self.reversed) = (Field::ALL[(at + 1) % Field::ALL.len()], false);
        self.arrange();
    }

    pub fn reverse(&mut self) {
        self.reversed = !self.reversed;
        self.arrange();
    }

    fn arrange(&mut self) {
        let (by, reversed) = (self.by, self.reversed);
        let Some(rows) = &mut self.rows else { return };
        rows.sort_by(|a, b| {
            let order = by.compare(a, b);
            // Equal rows stand by run, then from the strongest analyzer to the weakest.
            let then = || a.run.id().cmp(b.run.id()).then(a.line.aopc_px.total_cmp(&b.line.aopc_px));
            if reversed { order.reverse() } else { order }.then_with(then)
        });
        self.selection.clamp(rows.len());
    }

    /// Title of the column that orders, for the panel.
    pub fn order(&self) -> String {
        format!("by {}{}", self.by.column().title, if self.reversed { ", reversed" } else { "" })
    }
}

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let areas = &state.explain.areas;
    let Some(rows) = &areas.rows else { return painter.line(area, 0, "reading the curves …", Scope::Dim) };
    if rows.is_empty() {
        let words = "Nothing is measured yet: m measures this run (100 images, eight analyzers and the random control; it \
                     can be broken off and goes on where it stood), or `hcwb aopc --run ID`.";
        for (i, line) in wrap(words, area.width as usize).iter().enumerate() {
            painter.line(area, i as u16, line, Scope::Text);
        }
        return;
    }
    let theme = painter.theme;
    let look = painter.look(true);
    let (text, strong, dim) = (theme.style(Scope::Text), theme.style(Scope::Strong), theme.style(Scope::Dim));
    let columns = Field::ALL.map(Field::column);
    let here = state.explain.run.as_ref();
    let drawn = list::render(&columns, rows.len(), &areas.selection, area, painter.buf, look, |i| {
        let cell = |field: &Field| {
            let style = match field {
                field if *field == areas.by => strong,
                Field::Run if here == Some(&rows[i].run) => strong,
                Field::Interval | Field::Images | Field::Clean => dim,
                _ => text,
            };
            (field.cell(&rows[i]), style)
        };
        Field::ALL.iter().map(cell).collect()
    });
    let first = areas.selection.offset(drawn.height as usize, rows.len());
    painter.hits.push((drawn, Hit::Rows { first }));
}

impl Areas {
    /// A click selects; true if the row was selected already.
    pub fn click(&mut self, index: usize) -> bool {
        let len = self.rows.as_ref().map_or(0, Vec::len);
        let again = self.selection.index == index;
        if index < len {
            self.selection.index = index;
        }
        again && index < len
    }
}
