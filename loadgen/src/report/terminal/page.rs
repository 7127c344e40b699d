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

    /// A line of the head: a label and what stands beside it, which goes on below itself where the page ends.
    pub(super) fn fact(&mut self, label: &str, value: impl AsRef<str>) {
        let label = self.paint(&format!("{label:<11}"), Tone::Title);
        let room = self.style.width.map(|width| width.saturating_sub(BESIDE));
        let mut lead = format!("{label} ");
        for line in broken(value.as_ref(), room) {
            self.line(format!("{lead}{line}"));
            lead = " ".repeat(BESIDE);
        }
    }

    /// A sentence that begins in that column, and goes on below itself where the page ends.
    pub(super) fn sentence(&mut self, column: usize, text: &str) {
        let room = self.style.width.map(|width| width.saturating_sub(column));
        for line in broken(text, room) {
            self.line(format!("{}{line}", " ".repeat(column)));
        }
    }

    /// How many columns of so many there is room for behind so many others.
    pub(super) fn room(&self, behind: usize, wanted: usize) -> usize {
        self.style.width.map_or(wanted, |width| width.saturating_sub(behind).min(wanted))
    }

    /// Whether there is room for a table.
    pub(super) fn fits(&self, align: &str, rows: &[Vec<String>]) -> bool {
        let whole: usize = widths(align, rows).iter().map(|width| width + 2).sum();
        self.style.width.is_none_or(|width| whole <= width)
    }

    /// Sentences under a label, one a line.
    pub(super) fn sentences(&mut self, label: &str, sentences: &[String]) {
        for (at, sentence) in sentences.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.fact(label, clean(sentence));
        }
    }

    /// A table: `align` has a letter for each column, `l` or `r`; the first row is the head, nothing if all its cells are
    /// empty. Sentences in a last column go on below themselves, or stand below their row where there is no room beside it.
    pub(super) fn table(&mut self, align: &str, rows: &[Vec<String>]) {
        let widths = widths(align, rows);
        let before = 2 + widths.iter().rev().skip(1).map(|width| width + 2).sum::<usize>();
        let last = align.len().saturating_sub(1);
        for (at, row) in rows.iter().enumerate() {
            let is_head = at == 0;
            if is_head && row.iter().all(String::is_empty) {
                continue;
            }
            let room = self.style.width.map(|width| width.saturating_sub(before));
            let end = row.get(last).filter(|_| align.ends_with('l')).map_or("", String::as_str);
            let is_out = room.is_some_and(|room| end.chars().count() > room) && end.contains(' ');
            let mut line = String::from(" ");
            let kept = if is_out { last } else { align.len() };
            for ((cell, width), align) in row.iter().zip(&widths).zip(align.chars()).take(kept) {
                let pad = " ".repeat(width.saturating_sub(shown(cell)));
                _ = match align {
                    'l' => write!(line, " {cell}{pad} "),
                    _ => write!(line, " {pad}{cell} "),
                };
            }
            if is_out && room >= Some(LEAST) {
                let mut lead = format!("{line} ");
                for part in broken(end, room) {
                    self.line(format!("{lead}{part}"));
                    lead = " ".repeat(before);
                }
                continue;
            }
            if is_out {
                self.line(line);
                self.sentence(BELOW, end);
                continue;
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

/// The widths of columns, in characters that are seen.
fn widths(align: &str, rows: &[Vec<String>]) -> Vec<usize> {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| shown(cell)).max().unwrap_or(0)
    };
    (0..align.len()).map(width).collect()
}

/// A text in lines of so many columns, broken between words; a word that is longer has a line of its own. Always one line at least,
/// and one alone where no end is known, or so near that nothing could be read.
fn broken(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room.filter(|room| *room >= LEAST) else { return vec![text.to_owned()] };
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let width = shown(word);
        if let Some(line) = lines.last_mut().filter(|_| used == 0 || used + 1 + width <= room) {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += width;
        } else {
            lines.push(word.to_owned());
            used = width;
        }
    }
    lines
}

/// Characters of a text that are seen: all but those of [`Page::paint`].
fn shown(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let plain = parts.next().map_or(0, |part| part.chars().count());
    let behind = |part: &str| part.split_once('m').map_or(0, |(_, rest)| rest.chars().count());
    plain + parts.map(behind).sum::<usize>()
}

/// Columns of the labels of the head.
const BESIDE: usize = 12;

/// Columns in front of what stands below its row.
const BELOW: usize = 6;

/// Columns with which a sentence can still be read.
const LEAST: usize = 24;

/// A text from elsewhere without what would move a terminal's cursor.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
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
        '…' => '~',
        '§' => '#',
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
        page.line("12 µs █▌▏ §9 é");
        assert_eq!(page.finish(), "12 us ##: #9 ?\n");
    }

    #[test]
    fn sentences_go_on_below_themselves() {
        let mut page = Page::new(Style { width: Some(40), colour: true, ..Style::default() });
        let red = page.paint("The generator was the limit:", Tone::Bad);
        page.fact("Verdict", format!("{red} the target may be better than these numbers."));
        page.sentence(2, "one two three four five six seven eight nine ten");
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        page.table(
            "lrl",
            &[row(["", "", ""]), row(["queue", "1 ms", "from plan until a connection was free"])],
        );
        page.table(
            "lrl",
            &[
                row(["", "", ""]),
                row(["a long name of a row", "1 ms", "from plan until a connection was free"]),
            ],
        );
        page.table("lrl", &[row(["", "", ""]), row(["bar", "1%", &"#".repeat(60)])]);
        let text =
            page.finish().replace("\x1b[1;31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
        let expected = "\
Verdict     The generator was the limit:
            the target may be better
            than these numbers.
  one two three four five six seven
  eight nine ten
  queue  1 ms  from plan until a
               connection was free
  a long name of a row  1 ms
      from plan until a connection was
      free
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(&format!("  bar  1%  {}\n", "#".repeat(60))), "{text}");
    }

    #[test]
    fn what_comes_from_elsewhere_moves_no_cursor() {
        assert_eq!(clean("a\x1b[2Jb\r\u{9b}"), "a\\u{1b}[2Jb\\r\\u{9b}");
        assert_eq!(clean("h–2"), "h–2");
    }
}
