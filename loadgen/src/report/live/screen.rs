//! What the live view shows.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style as Look, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline};

use crate::record::{Counts, Slice};
use crate::report::bins::{bar, bins};
use crate::report::progress::{Goal, Progress, View, errors, so_far};
use crate::report::terminal::{Style, ascii, clean};
use crate::report::units;

/// A run as it goes, on a screen of any size.
#[derive(Debug)]
pub struct Screen {
    view: View,
    style: Style,
    lanes: Vec<Progress>,
    lane: usize,
    is_stopping: bool,
}

impl Screen {
    /// Nothing so far.
    pub fn new(view: &View, style: Style) -> Self {
        let lanes = view.lanes.iter().map(|_| Progress::new()).collect();
        Self { view: view.clone(), style, lanes, lane: 0, is_stopping: false }
    }

    /// Takes the slices that follow for those of another lane, by its place in the view.
    pub fn turn(&mut self, lane: usize) {
        self.lane = lane;
    }

    /// Adds a slice of the present lane.
    pub fn slice(&mut self, slice: &Slice) {
        if let Some(progress) = self.lanes.get_mut(self.lane) {
            progress.add(slice);
        }
    }

    /// Tells that the run was asked to stop.
    pub fn stopping(&mut self) {
        self.is_stopping = true;
    }

    /// Draws it.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        if let Some(progress) = self.lanes.get(self.lane) {
            self.draw_lane(frame, progress);
        }
        for cell in &mut frame.buffer_mut().content {
            if !self.style.colour {
                cell.fg = Color::Reset;
            }
            if !self.style.unicode && !cell.symbol().is_ascii() {
                let symbol: String = cell.symbol().chars().map(ascii).collect();
                cell.set_symbol(&symbol);
            }
        }
    }

    fn draw_lane(&self, frame: &mut Frame<'_>, progress: &Progress) {
        let lanes = match self.lanes.len() {
            // Title and head of the table.
            several @ 2.. => u16::try_from(several).unwrap_or(u16::MAX).saturating_add(2),
            _ => 0,
        };
        if frame.area().width < NARROW {
            return self.draw_narrow(frame, progress, lanes);
        }
        let [head, middle, table, bottom] = Layout::vertical([
            Constraint::Length(4),
            Constraint::Length(8),
            Constraint::Length(lanes),
            Constraint::Min(0),
        ])
        .areas(frame.area());
        self.head(frame, head);
        let halves = Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)]);
        let [left, right] = halves.spacing(1).areas(middle);
        self.rate(frame, left, progress);
        self.latency(frame, right, progress);
        if lanes > 0 {
            self.table(frame, table);
        }
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)])
                .spacing(1)
                .areas(bottom);
        self.answers(frame, left, progress);
        self.distribution(frame, right, progress);
    }

    /// Where two panels do not fit beside each other: one below the other, those first that say most.
    fn draw_narrow(&self, frame: &mut Frame<'_>, progress: &Progress, lanes: u16) {
        let [head, latency, table, answers, rate, distribution] = Layout::vertical([
            Constraint::Length(4),
            Constraint::Length(8),
            Constraint::Length(lanes),
            Constraint::Max(9),
            Constraint::Max(5),
            Constraint::Min(0),
        ])
        .areas(frame.area());
        self.head(frame, head);
        self.latency(frame, latency, progress);
        if lanes > 0 {
            self.table(frame, table);
        }
        self.answers(frame, answers, progress);
        self.rate(frame, rate, progress);
        self.distribution(frame, distribution, progress);
    }

    fn head(&self, frame: &mut Frame<'_>, area: Rect) {
        let width = usize::from(area.width);
        let keys = if self.is_stopping { "stopping, q again ends it at once " } else { "q stops " };
        let title = format!(" falconry loads {}", clean(&self.view.title));
        let room = width.saturating_sub(keys.len() + 1);
        let title: String = title.chars().take(room).collect();
        let title = Line::from(vec![
            format!("{title:room$} ").bold(),
            Span::styled(keys, Look::new().fg(Color::Yellow)),
        ]);
        let (share, words) = self.done();
        let room = width.saturating_sub(words.chars().count() + 4).min(BAR);
        let done = bar(share, room);
        let line = Line::from(vec![
            Span::raw(" "),
            done.clone().fg(Color::Cyan),
            "·".repeat(room.saturating_sub(done.chars().count())).dim(),
            Span::raw(format!("  {words}")),
        ]);
        let plan = Line::from(format!(" {}", clean(&self.view.plan))).dim();
        frame.render_widget(Paragraph::new(vec![title, plan, line]), area);
    }

    /// How much of the run is done, as a share and in words.
    fn done(&self) -> (f64, String) {
        let elapsed: u64 = self.lanes.iter().map(Progress::elapsed).sum();
        let lanes = self.lanes.len() as u64;
        if elapsed == 0 && self.view.warm_up > 0 {
            return (0.0, format!("{} of warm-up first", units::length(self.view.warm_up)));
        }
        // Tenths, so that the words do not change their width with every slice.
        let time = format!("{:.1} s", units::seconds(elapsed));
        match self.view.goal {
            Goal::Length(length) => {
                let whole = length.saturating_mul(lanes);
                (units::share(elapsed, whole), format!("{time} of {}", units::length(whole)))
            }
            Goal::Requests(count) => {
                let over = |it: &Progress| it.counts().answered + it.counts().failed;
                let done: u64 = self.lanes.iter().map(over).sum();
                let whole = count.saturating_mul(lanes);
                let words =
                    format!("{} of {} requests, {time}", units::count(done), units::count(whole));
                (units::share(done, whole), words)
            }
        }
    }

    fn rate(&self, frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
        let block = block("Answers per second");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let now = progress.last().map_or_else(|| "-".to_owned(), |it| units::number(it.rate()));
        let words = Line::from(vec![
            Span::raw(format!(" {now}")).bold(),
            Span::raw(" now, "),
            Span::raw(units::number(progress.rate())).bold(),
            Span::raw(" so far"),
        ]);
        let [text, chart] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(inner);
        frame.render_widget(Paragraph::new(words), text);
        let chart = Rect { x: chart.x + 1, width: chart.width.saturating_sub(1), ..chart };
        let data = fitted(progress.rates(), usize::from(chart.width));
        frame.render_widget(Sparkline::default().data(data).fg(Color::Cyan), chart);
    }

    fn latency(&self, frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
        let block = block("Latency so far");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let (plan, send) = (progress.response(), progress.service());
        let time = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), units::duration);
        let row = |name: String, q| {
            let plan = if self.view.open_loop {
                format!("{:>12}", time(so_far(plan, q)))
            } else {
                String::new()
            };
            Line::from(vec![
                Span::raw(format!(" {name:<6}")),
                Span::raw(plan).bold(),
                Span::raw(format!("{:>12}", time(so_far(send, q)))),
            ])
        };
        let head = if self.view.open_loop { "from plan" } else { "" };
        let head = if head.is_empty() { String::new() } else { format!("{head:>12}") };
        let mut lines = vec![Line::from(format!("{:7}{head}{:>12}", "", "from send")).dim()];
        lines.extend([0.5, 0.9, 0.99, 0.999].map(|q| row(units::quantile(q), q)));
        lines.push(row("max".to_owned(), 1.0));
        frame.render_widget(Paragraph::new(lines), inner);
    }

    /// The lanes beside each other.
    fn table(&self, frame: &mut Frame<'_>, area: Rect) {
        let block = block("Lanes");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let width = self.view.lanes.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let cells = |time: &str, rate: &str, p50: &str, p99: &str, errors: &str| {
            format!("{time:>9} {rate:>12} {p50:>10} {p99:>10} {errors:>8}")
        };
        let head = cells("measured", "rate", "p50", "p99", "errors");
        let mut lines = vec![Line::from(format!("   {:width$} {head}", "")).dim()];
        for (lane, (name, progress)) in self.view.lanes.iter().zip(&self.lanes).enumerate() {
            let latency =
                if self.view.open_loop { progress.response() } else { progress.service() };
            let time = |q| so_far(latency, q).map_or_else(|| "-".to_owned(), units::duration);
            let row = cells(
                &format!("{:.1} s", units::seconds(progress.elapsed())),
                &units::rate(progress.rate()),
                &time(0.5),
                &time(0.99),
                &units::count(errors(progress.counts())),
            );
            let mark = if lane == self.lane { ">" } else { " " };
            let line = Line::from(format!(" {mark} {:width$} {row}", clean(name)));
            lines.push(if lane == self.lane { line.bold() } else { line });
        }
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn answers(&self, frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
        let block = block("Answers and errors");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let counts = progress.counts();
        let plain = Look::new();
        let errors = errors(counts);
        let mut facts = vec![
            ("answered".to_owned(), units::count(counts.answered), plain),
            ("errors".to_owned(), units::count(errors), if errors > 0 { BAD } else { GOOD }),
            ("waiting or in flight".to_owned(), units::count(progress.outstanding()), plain),
            ("received".to_owned(), units::octets(counts.received as f64), plain),
        ];
        facts.extend(
            most(counts).into_iter().map(|(name, count, look)| (name, units::count(count), look)),
        );
        let room = usize::from(inner.width).saturating_sub(NUMBER + 1).clamp(1, NAME);
        let lines: Vec<_> = facts
            .into_iter()
            .map(|(name, value, look)| {
                let name: String = name.chars().take(room).collect();
                Line::from(vec![
                    Span::raw(format!(" {name:<room$}")),
                    Span::styled(format!("{value:>NUMBER$}"), look),
                ])
            })
            .collect();
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn distribution(&self, frame: &mut Frame<'_>, area: Rect, progress: &Progress) {
        let (histogram, title) = if self.view.open_loop {
            (progress.response(), "Distribution from plan")
        } else {
            (progress.service(), "Distribution from send")
        };
        let block = block(title);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        // One row is the open end's.
        let bins = bins(histogram, usize::from(inner.height).saturating_sub(1).max(1));
        let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0);
        let room = usize::from(inner.width).saturating_sub(23);
        let lines: Vec<_> = bins
            .iter()
            .map(|bin| {
                let share = units::percent(units::share(bin.count, histogram.len()));
                Line::from(vec![
                    Span::raw(format!(" {:>13} {share:>7} ", bin.label())),
                    Span::raw(bar(units::share(bin.count, most), room)).fg(Color::Cyan),
                ])
            })
            .collect();
        frame.render_widget(Paragraph::new(lines), inner);
    }
}

/// A panel under a rule with its title.
fn block(title: &'static str) -> Block<'static> {
    let title = Span::styled(format!(" {title} "), Look::new().add_modifier(Modifier::BOLD));
    Block::new().borders(Borders::TOP).border_style(Look::new().fg(Color::DarkGray)).title(title)
}

/// Statuses and classes of failures, the most frequent first.
fn most(counts: &Counts) -> Vec<(String, u64, Look)> {
    let statuses = counts.statuses.iter().map(|(status, count)| {
        let look = if *status < 400 { Look::new() } else { BAD };
        (format!("status {status}"), *count, look)
    });
    let failures = counts.failures.iter().map(|(class, count)| (class.name(), *count, BAD));
    let mut most: Vec<_> = statuses.chain(failures).collect();
    most.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    most
}

/// At most `width` means of as many values each, so that all of the run is in sight.
fn fitted(rates: &[f64], width: usize) -> Vec<u64> {
    let group = rates.len().div_ceil(width.max(1)).max(1);
    let mean = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
    // Saturating; a column's height needs no fractions.
    rates.chunks(group).map(|group| mean(group).round() as u64).collect()
}

const BAD: Look = Look::new().fg(Color::Red).add_modifier(Modifier::BOLD);

const GOOD: Look = Look::new().fg(Color::Green);

/// Columns below which panels stand below each other.
const NARROW: u16 = 72;

/// Columns of the name of a fact, at most.
const NAME: usize = 40;

/// Columns of its value.
const NUMBER: usize = 11;

/// Columns of the bar of what is done, at most.
const BAR: usize = 60;
