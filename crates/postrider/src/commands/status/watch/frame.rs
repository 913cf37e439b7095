//! How the screen looks: lines of text, each with one style. No terminal is needed for it.

use super::super::Row;
use super::super::table::live_cells;
use crate::control::words::Hello;
use crate::words::{count, short, span};
use postrider_core::time::UnixTime;
use std::time::Duration;

/// The lines of a screen, from the top; as many as it has.
pub(super) type Frame = Vec<Line>;

/// One line, never longer than the screen is wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) style: Style,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// What changes seldom.
    Head,
    /// All is well.
    Plain,
    /// Something is going on.
    Busy,
    /// Somebody should look at it.
    Problem,
    /// How to use it.
    Faint,
}

/// What is to be seen.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// Who tells; `None`: no daemon does.
    pub(super) hello: Option<&'a Hello>,
    pub(super) trouble: Option<&'a str>,
    pub(super) now: UnixTime,
    pub(super) stale_after: Duration,
}

/// Which of the accounts are on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scroll {
    /// The first one, from 0.
    top: usize,
    /// How many there is room for.
    page: usize,
    /// How many there are.
    all: usize,
}

impl Scroll {
    pub(super) fn by(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines);
        self.within();
    }

    pub(super) fn by_pages(&mut self, pages: isize) {
        let page = isize::try_from(self.page).unwrap_or(isize::MAX);
        self.by(pages.saturating_mul(page));
    }

    pub(super) const fn go_first(&mut self) {
        self.top = 0;
    }

    pub(super) const fn go_last(&mut self) {
        self.top = self.all.saturating_sub(self.page);
    }

    fn fit(&mut self, page: usize, all: usize) {
        (self.page, self.all) = (page, all);
        self.within();
    }

    fn within(&mut self) {
        self.top = self.top.min(self.all.saturating_sub(self.page));
    }
}

/// Lines that are no accounts: two above, two below.
const FRAME: usize = 4;

/// Columns after the first: state, last success, next, messages; the problem has the rest. They do not move
/// while things happen.
const WIDTHS: [usize; 4] = [18, 19, 9, 9];

/// The first column is as wide as the longest name, within these bounds.
const NAMES: (usize, usize) = (7, 20);

/// Draws a screen of so many columns and lines.
pub(super) fn frame(view: &View<'_>, (columns, lines): (u16, u16), scroll: &mut Scroll) -> Frame {
    let (columns, lines) = (usize::from(columns), usize::from(lines));
    scroll.fit(lines.saturating_sub(FRAME), view.rows.len());
    let longest = view
        .rows
        .iter()
        .map(|row| row.settings.name.as_str().chars().count());
    let names = longest.max().unwrap_or_default().clamp(NAMES.0, NAMES.1);
    let head = [
        "ACCOUNT",
        "STATE",
        "LAST SUCCESS",
        "NEXT",
        "MESSAGES",
        "PROBLEM",
    ];
    let mut frame = vec![
        line(&title(view), Style::Head),
        line(&laid_out(&head.map(str::to_owned), names), Style::Faint),
    ];
    let shown = view.rows.iter().skip(scroll.top).take(scroll.page);
    for row in shown {
        let cells = live_cells(row, view.now, view.stale_after);
        frame.push(line(&laid_out(&cells, names), style(row, &cells, view)));
    }
    while frame.len() < lines.saturating_sub(1) {
        frame.push(line("", Style::Plain));
    }
    frame.push(line(&foot(scroll), Style::Faint));
    frame.truncate(lines);
    for line in &mut frame {
        line.text = cut(&line.text, columns);
    }
    frame
}

fn line(text: &str, style: Style) -> Line {
    Line {
        text: text.to_owned(),
        style,
    }
}

fn title(view: &View<'_>) -> String {
    let accounts = count(view.rows.len() as u64, "account", "accounts");
    let state = |state: &str| {
        let lives = view.rows.iter().filter_map(|row| row.live.as_ref());
        lives.filter(|live| live.state == state).count()
    };
    let failing = view
        .rows
        .iter()
        .filter(|row| row.problem().is_some())
        .count();
    let numbers = [
        (state("syncing"), "syncing"),
        (state("paused"), "paused"),
        (failing, "failing"),
    ];
    let mut parts = vec![format!("postrider: {accounts}")];
    let some = numbers.into_iter().filter(|(number, _)| *number > 0);
    parts.extend(some.map(|(number, what)| format!("{number} {what}")));
    parts.push(match (view.hello, view.trouble) {
        (_, Some(trouble)) => short(trouble, 200),
        (Some(hello), None) => {
            let up = span(view.now.since(hello.started_at));
            format!("daemon {} up {up}", hello.pid)
        }
        (None, None) => "no daemon runs, this is from the index".to_owned(),
    });
    parts.join(" · ")
}

fn foot(scroll: &Scroll) -> String {
    let last = scroll.all.min(scroll.top.saturating_add(scroll.page));
    if scroll.all <= scroll.page {
        return "q leaves".to_owned();
    }
    let first = scroll.top.saturating_add(1);
    let all = scroll.all;
    format!("{first}-{last} of {all} · arrows, PgUp, PgDn, Home, End scroll · q leaves")
}

/// What somebody should look at is told by the words of the table: so it is seen without colours too.
fn style(row: &Row<'_>, cells: &[String; 6], view: &View<'_>) -> Style {
    let [_, state, .., problem] = cells;
    if !problem.is_empty() || row.is_stale(view.now, view.stale_after) {
        return Style::Problem;
    }
    if state.starts_with("waiting") {
        Style::Plain
    } else {
        Style::Busy
    }
}

fn laid_out(cells: &[String; 6], names: usize) -> String {
    let widths = [names].into_iter().chain(WIDTHS).map(Some).chain([None]);
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        match width {
            Some(width) => {
                let cell = cut(cell, width);
                text.push_str(&format!("{cell:width$} "));
            }
            None => text.push_str(cell),
        }
    }
    text.trim_end().to_owned()
}

/// No more than so many characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests;
