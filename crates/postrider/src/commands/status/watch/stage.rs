//! The terminal: taken over, told of what has changed, and given back as it was.

use super::frame::{Frame, Line, Style};
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{execute, queue};
use std::io::{self, BufWriter, Write};

/// The terminal that standard output is, as ours.
#[derive(Debug)]
pub(super) struct Stage {
    out: BufWriter<io::Stdout>,
    shown: Frame,
    size: (u16, u16),
    colour: bool,
}

impl Stage {
    /// Takes the terminal over.
    pub(super) fn enter(colour: bool) -> io::Result<Self> {
        enable_raw_mode()?;
        let mut stage = Self {
            out: BufWriter::new(io::stdout()),
            shown: Frame::new(),
            size: (0, 0),
            colour,
        };
        execute!(stage.out, EnterAlternateScreen, DisableLineWrap, Hide)?;
        Ok(stage)
    }

    /// Shows a frame: what is on the screen already is not written again, so nothing flickers, and over a slow
    /// line little travels.
    pub(super) fn show(&mut self, frame: Frame, size: (u16, u16)) -> io::Result<()> {
        if frame == self.shown && size == self.size {
            return Ok(());
        }
        queue!(self.out, BeginSynchronizedUpdate)?;
        if size != self.size {
            // What a terminal of another size makes of the old lines is its own.
            queue!(self.out, Clear(ClearType::All))?;
            self.shown.clear();
            self.size = size;
        }
        for (row, line) in (0_u16..).zip(&frame) {
            if self.shown.get(usize::from(row)) != Some(line) {
                queue!(self.out, MoveTo(0, row), Clear(ClearType::CurrentLine))?;
                self.write(line)?;
            }
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()?;
        self.shown = frame;
        Ok(())
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        match line.style {
            Style::Plain => {}
            Style::Head => queue!(self.out, SetAttribute(Attribute::Bold))?,
            Style::Faint => queue!(self.out, SetAttribute(Attribute::Dim))?,
            Style::Busy if self.colour => queue!(self.out, SetForegroundColor(Color::Green))?,
            Style::Problem if self.colour => queue!(self.out, SetForegroundColor(Color::Red))?,
            Style::Busy | Style::Problem => {}
        }
        queue!(
            self.out,
            Print(&line.text),
            ResetColor,
            SetAttribute(Attribute::Reset)
        )
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing back.
        let _gone = execute!(self.out, Show, EnableLineWrap, LeaveAlternateScreen).is_err();
        let _gone = disable_raw_mode().is_err();
    }
}
