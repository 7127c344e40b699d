//! The static table (RFC 7541 Appendix A) and the dynamic table (RFC 7541 §2.3.2 and §4).

use super::ENTRY_OVERHEAD;
use crate::field::FieldName;
use std::collections::VecDeque;

/// An entry of the static table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StaticEntry {
    /// Which name it is; [`FieldName::Other`] for pseudo-fields.
    pub known: FieldName,
    /// The name.
    pub name: &'static str,
    /// The value; empty for entries that are there for their name.
    pub value: &'static str,
}

/// A field in one of the tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry<'a> {
    pub(super) known: FieldName,
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// The dynamic table.
///
/// The octets of all entries stand in one arena in order of age. The front that evicted entries leave
/// behind is reclaimed when it is as large as what lives, so that each octet moves about once; the
/// arena is thus at most twice as large as the table, and never larger than what was put in.
#[derive(Clone, Debug)]
pub(super) struct Table {
    arena: Vec<u8>,
    /// Octets of the arena's front that no entry uses.
    dead: usize,
    /// Oldest first.
    lines: VecDeque<Line>,
    size: usize,
    capacity: usize,
    /// Counts the changes.
    generation: u64,
}

/// Where an entry's octets end: its name starts where the entry before it ends.
#[derive(Clone, Copy, Debug)]
struct Line {
    known: FieldName,
    name_len: u32,
    value_len: u32,
    /// Offset of the name in the arena, counted from the first octet that was ever put in.
    start: u64,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            arena: Vec::new(),
            dead: 0,
            lines: VecDeque::new(),
            size: 0,
            capacity,
            generation: 0,
        }
    }

    /// The size above which entries are evicted.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// RFC 7541 §4.1: the octets of all entries, and 32 for each.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// How often the table has changed: while it stays, every index means what it meant.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// RFC 7541 §4.3.
    pub(super) fn resize(&mut self, capacity: usize) {
        self.generation += u64::from(capacity != self.capacity);
        self.capacity = capacity;
        self.evict(capacity);
    }

    /// Inserts an entry and evicts what it displaces.
    ///
    /// RFC 7541 §4.4: an entry larger than the table empties it, and is not inserted.
    pub(super) fn insert(&mut self, entry: Entry<'_>) {
        self.generation += 1;
        let octets = entry.name.len() + entry.value.len();
        let size = octets + ENTRY_OVERHEAD;
        let Some(room) = self.capacity.checked_sub(size) else {
            self.evict(0);
            return;
        };
        self.evict(room);
        if self.dead >= self.arena.len() - self.dead {
            self.arena.drain(..self.dead);
            self.dead = 0;
        }
        let start = self.lines.back().map_or(0, Line::end);
        self.arena.extend_from_slice(entry.name);
        self.arena.extend_from_slice(entry.value);
        self.size += size;
        self.lines.push_back(Line {
            known: entry.known,
            name_len: entry.name.len() as u32,
            value_len: entry.value.len() as u32,
            start,
        });
    }

    /// The entry of that age: 0 is the one inserted last.
    #[inline]
    pub(super) fn get(&self, age: usize) -> Option<Entry<'_>> {
        let line = self.lines.get(self.lines.len().checked_sub(age + 1)?)?;
        Some(self.entry(line))
    }

    /// Where that field stands, or else its name, in the dynamic table.
    pub(super) fn find(&self, wanted: Entry<'_>) -> Found {
        let mut found = Found::Nothing;
        for (age, line) in self.lines.iter().rev().enumerate() {
            if line.known != wanted.known {
                continue;
            }
            let entry = self.entry(line);
            if line.known == FieldName::Other && entry.name != wanted.name {
                continue;
            }
            let index = STATIC_ENTRIES.len() as u32 + 1 + age as u32;
            if entry.value == wanted.value {
                return Found::Field(index);
            }
            if found == Found::Nothing {
                found = Found::Name(index);
            }
        }
        found
    }

    fn entry(&self, line: &Line) -> Entry<'_> {
        // Entries stand without gaps, the oldest where the dead front ends.
        let origin = self.lines.front().map_or(0, |oldest| oldest.start);
        let at = self.dead + (line.start - origin) as usize;
        let octets = self.arena.get(at..at + line.len()).unwrap_or_default();
        let (name, value) = octets.split_at_checked(line.name_len as usize).unwrap_or_default();
        Entry { known: line.known, name, value }
    }

    fn evict(&mut self, room: usize) {
        while self.size > room {
            let Some(line) = self.lines.pop_front() else { break };
            self.dead += line.len();
            self.size -= line.len() + ENTRY_OVERHEAD;
        }
        if self.lines.is_empty() {
            self.arena.clear();
            self.dead = 0;
        }
    }
}

/// Two tables are equal if the same blocks mean the same to both from here on.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let entries = self.lines.iter().map(|line| self.entry(line));
        self.capacity == other.capacity
            && entries.eq(other.lines.iter().map(|line| other.entry(line)))
    }
}

impl Line {
    fn len(&self) -> usize {
        self.name_len as usize + self.value_len as usize
    }

    fn end(&self) -> u64 {
        self.start + self.len() as u64
    }
}

/// Whether a field, or at least its name, stands in a table, and at which index.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    Field(u32),
    Name(u32),
    Nothing,
}

/// The static entry of that index, which counts from 1.
#[inline]
pub(super) fn static_entry(index: usize) -> Option<Entry<'static>> {
    let entry = STATIC_ENTRIES.get(index.checked_sub(1)?)?;
    let (name, value) = (entry.name.as_bytes(), entry.value.as_bytes());
    Some(Entry { known: entry.known, name, value })
}

/// Where that field stands, or else its name, in the static table. The lowest index counts.
pub(super) fn find_static(wanted: Entry<'_>) -> Found {
    let first = match wanted.known {
        FieldName::Other => match wanted.name {
            b":status" => 8,
            b":path" => 4,
            b":method" => 2,
            b":scheme" => 6,
            b":authority" => 1,
            b"refresh" => 52,
            _ => return Found::Nothing,
        },
        known => match BY_NAME[known as usize] {
            0 => return Found::Nothing,
            index => usize::from(index),
        },
    };
    let mut index = first;
    while let Some(entry) = static_entry(index).filter(|entry| entry.name == wanted_name(first)) {
        if entry.value == wanted.value {
            return Found::Field(index as u32);
        }
        index += 1;
    }
    Found::Name(first as u32)
}

fn wanted_name(index: usize) -> &'static [u8] {
    static_entry(index).map_or(b"", |entry| entry.name)
}

/// The lowest static index of each known name; 0 for none.
static BY_NAME: [u8; FieldName::KNOWN.len() + 1] = {
    let mut indices = [0; FieldName::KNOWN.len() + 1];
    let mut index = STATIC_ENTRIES.len();
    while index > 0 {
        indices[STATIC_ENTRIES[index - 1].known as usize] = index as u8;
        index -= 1;
    }
    indices[FieldName::Other as usize] = 0;
    indices
};

const fn entry(name: &'static str, value: &'static str) -> StaticEntry {
    let mut which = 0;
    let mut known = FieldName::Other;
    while which < FieldName::KNOWN.len() {
        let candidate = FieldName::KNOWN[which];
        if candidate.as_str().as_bytes().eq_ignore_ascii_case(name.as_bytes()) {
            known = candidate;
        }
        which += 1;
    }
    StaticEntry { known, name, value }
}

/// The static table (RFC 7541 Appendix A); index 1 is the first.
pub static STATIC_ENTRIES: [StaticEntry; 61] = [
    entry(":authority", ""),
    entry(":method", "GET"),
    entry(":method", "POST"),
    entry(":path", "/"),
    entry(":path", "/index.html"),
    entry(":scheme", "http"),
    entry(":scheme", "https"),
    entry(":status", "200"),
    entry(":status", "204"),
    entry(":status", "206"),
    entry(":status", "304"),
    entry(":status", "400"),
    entry(":status", "404"),
    entry(":status", "500"),
    entry("accept-charset", ""),
    entry("accept-encoding", "gzip, deflate"),
    entry("accept-language", ""),
    entry("accept-ranges", ""),
    entry("accept", ""),
    entry("access-control-allow-origin", ""),
    entry("age", ""),
    entry("allow", ""),
    entry("authorization", ""),
    entry("cache-control", ""),
    entry("content-disposition", ""),
    entry("content-encoding", ""),
    entry("content-language", ""),
    entry("content-length", ""),
    entry("content-location", ""),
    entry("content-range", ""),
    entry("content-type", ""),
    entry("cookie", ""),
    entry("date", ""),
    entry("etag", ""),
    entry("expect", ""),
    entry("expires", ""),
    entry("from", ""),
    entry("host", ""),
    entry("if-match", ""),
    entry("if-modified-since", ""),
    entry("if-none-match", ""),
    entry("if-range", ""),
    entry("if-unmodified-since", ""),
    entry("last-modified", ""),
    entry("link", ""),
    entry("location", ""),
    entry("max-forwards", ""),
    entry("proxy-authenticate", ""),
    entry("proxy-authorization", ""),
    entry("range", ""),
    entry("referer", ""),
    entry("refresh", ""),
    entry("retry-after", ""),
    entry("server", ""),
    entry("set-cookie", ""),
    entry("strict-transport-security", ""),
    entry("transfer-encoding", ""),
    entry("user-agent", ""),
    entry("vary", ""),
    entry("via", ""),
    entry("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field<'a>(name: &'a [u8], value: &'a [u8]) -> Entry<'a> {
        Entry { known: FieldName::recognise(name), name, value }
    }

    #[test]
    fn static_names_are_known_but_for_pseudo_fields_and_one_more() {
        for entry in &STATIC_ENTRIES {
            let known = FieldName::recognise(entry.name.as_bytes());
            assert_eq!(entry.known, known);
            let other = entry.name.starts_with(':') || entry.name == "refresh";
            assert_eq!(known == FieldName::Other, other, "{}", entry.name);
        }
    }

    #[test]
    fn every_static_field_is_found_at_its_lowest_index() {
        for (at, entry) in STATIC_ENTRIES.iter().enumerate() {
            let (name, value) = (entry.name.as_bytes(), entry.value.as_bytes());
            assert_eq!(find_static(field(name, value)), Found::Field(at as u32 + 1));
            let first = STATIC_ENTRIES.iter().position(|other| other.name == entry.name).unwrap();
            let found = find_static(field(name, b"no such value"));
            assert_eq!(found, Found::Name(first as u32 + 1));
        }
        assert_eq!(find_static(field(b"x", b"")), Found::Nothing);
        assert_eq!(find_static(field(b":protocol", b"")), Found::Nothing);
        assert_eq!(find_static(field(b"te", b"")), Found::Nothing);
    }

    #[test]
    fn an_entry_counts_32_octets_more_than_it_has() {
        let mut table = Table::new(2 * (ENTRY_OVERHEAD + 2));
        table.insert(field(b"a", b"1"));
        table.insert(field(b"b", b"2"));
        assert_eq!((table.len(), table.size()), (2, table.capacity()));
        table.insert(field(b"c", b""));
        assert_eq!(table.len(), 2);
        assert_eq!(table.get(0), Some(field(b"c", b"")));
        assert_eq!(table.get(1), Some(field(b"b", b"2")));
        assert_eq!(table.get(2), None);
    }

    #[test]
    fn an_entry_larger_than_the_table_empties_it() {
        let mut table = Table::new(40);
        table.insert(field(b"a", b"1"));
        table.insert(field(b"a", &[b'x'; 8]));
        assert_eq!((table.len(), table.size()), (0, 0));
    }

    proptest! {
        /// Against a list of owned entries that is searched and evicted in the plainest way.
        #[test]
        fn the_arena_behaves_like_a_list(
            steps in prop::collection::vec(
                prop_oneof![
                    4 => ("[a-c]{0,20}", "[a-b]{0,60}").prop_map(Ok),
                    1 => (0..400usize).prop_map(Err),
                ],
                0..80,
            ),
        ) {
            let mut table = Table::new(300);
            let mut list: Vec<(String, String)> = Vec::new();
            let mut capacity = 300;
            for step in steps {
                match step {
                    Ok((name, value)) => {
                        table.insert(field(name.as_bytes(), value.as_bytes()));
                        list.insert(0, (name, value));
                    }
                    Err(size) => {
                        capacity = size;
                        table.resize(size);
                    }
                }
                let size = |(name, value): &(String, String)| name.len() + value.len() + 32;
                while list.iter().map(size).sum::<usize>() > capacity {
                    list.pop();
                }
                prop_assert_eq!(table.len(), list.len());
                prop_assert_eq!(table.size(), list.iter().map(size).sum::<usize>());
                prop_assert!(table.arena.len() <= 2 * 400);
                for (age, (name, value)) in list.iter().enumerate() {
                    let entry = field(name.as_bytes(), value.as_bytes());
                    prop_assert_eq!(table.get(age), Some(entry));
                    let first = list.iter().position(|line| line == &list[age]).unwrap();
                    prop_assert_eq!(table.find(entry), Found::Field(first as u32 + 62));
                }
            }
        }
    }
}
