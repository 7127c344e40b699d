//! A page of text: lines, sections, aligned tables.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Style;

/// What a piece of text is to be taken for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tone {
    /// A heading.
    Title,
    /// What explains the rest.
    Faint,
    /// As it should be.
    Good,
    /// Worth a look.
    Odd,
    /// Not as it should be.
    Bad,
}

/// A page that grows by lines.
pub(super) struct Page {
    text: String,
    style: Style,
}

impl Page {
    pub(super) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    /// Adds a line. Writing to a string does not fail.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        _ = writeln!(self.text, "{}", line.as_ref().trim_end());
    }

    /// Begins a section: an empty line and its title.
    pub(super) fn section(&mut self, title: &str) {
        let title = self.paint(title, Tone::Title);
        self.line("");
        self.line(title);
    }

    /// A line of the head: a label and what stands beside it.
    pub(super) fn fact(&mut self, label: &str, value: impl AsRef<str>) {
        let label = self.paint(&format!("{label:<11}"), Tone::Title);
        self.line(format!("{label} {}", value.as_ref()));
    }

    /// Sentences under a label, one a line.
    pub(super) fn sentences(&mut self, label: &str, sentences: &[String]) {
        for (at, sentence) in sentences.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.fact(label, clean(sentence));
        }
    }

    /// A table: `align` has a letter for each column, `l` or `r`; the first row is the head, nothing if all its cells are
    /// empty.
    pub(super) fn table(&mut self, align: &str, rows: &[Vec<String>]) {
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..align.len()).map(width).collect();
        for (at, row) in rows.iter().enumerate() {
            let is_head = at == 0;
            if is_head && row.iter().all(String::is_empty) {
                continue;
            }
            let mut line = String::from(" ");
            for ((cell, width), align) in row.iter().zip(&widths).zip(align.chars()) {
                // Padding goes by characters.
                _ = match align {
                    'l' => write!(line, " {cell:<width$} "),
                    _ => write!(line, " {cell:>width$} "),
                };
            }
            let line = if is_head { self.paint(line.trim_end(), Tone::Faint) } else { line };
            self.line(line);
        }
    }

    pub(super) fn paint(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Title => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Odd => "33",
            Tone::Bad => "1;31",
        };
        if self.style.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The page, in ASCII alone if its style asks for it.
    pub(super) fn finish(self) -> String {
        if self.style.unicode { self.text } else { self.text.chars().map(ascii).collect() }
    }
}

/// A text from elsewhere without what would move a terminal's cursor.
pub(in crate::report) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => clean.extend(character.escape_default()),
            false => clean.push(character),
        }
    }
    Cow::Owned(clean)
}

/// The character of ASCII that stands in for another, one column wide as well.
pub(in crate::report) fn ascii(character: char) -> char {
    match character {
        '\0'..='\x7f' => character,
        'µ' => 'u',
        '█' | '▉' | '▊' | '▋' | '▌' | '▆' | '▇' => '#',
        '▍' | '▎' | '▏' | '▃' | '▄' | '▅' => ':',
        '▁' | '▂' => '.',
        '·' => '.',
        '–' | '─' => '-',
        '×' => 'x',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_in_ascii_is_as_wide() {
        let mut page = Page::new(Style::default());
        page.line("12 µs █▌▏ §");
        assert_eq!(page.finish(), "12 us ##: ?\n");
    }

    #[test]
    fn what_comes_from_elsewhere_moves_no_cursor() {
        assert_eq!(clean("a\x1b[2Jb\r\u{9b}"), "a\\u{1b}[2Jb\\r\\u{9b}");
        assert_eq!(clean("h–2"), "h–2");
    }
}
