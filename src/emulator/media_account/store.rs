//! What an account holds: one table per entity type in creation order, indexes for clients' queries, the links between
//! entities, and the undo records that make a changeset all-or-nothing.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::dates::Moment;
use super::schema::{KINDS, Kind};
use super::value::Value;

/// One entity.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) kind: &'static Kind,
    values: Box<[Value]>,
}

impl Row {
    /// An entity of nulls and zeros.
    pub(crate) fn new(kind: &'static Kind) -> Self {
        use super::value::Type::{Bool, Double, Int, Long};
        let values = kind
            .properties
            .iter()
            .map(|p| match p.ty {
                Int if p.zero => Value::Int(0),
                Long if p.zero => Value::Long(0),
                Double if p.zero => Value::Double(0.0),
                Bool if p.zero => Value::Bool(false),
                _ => Value::Null,
            })
            .collect();
        Self { kind, values }
    }

    /// The same entity with one more property set.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        if let Some(at) = self.kind.column(name) {
            self.values[at] = value;
        }
    }

    pub(crate) fn set_at(&mut self, column: usize, value: Value) {
        self.values[column] = value;
    }

    pub(crate) fn at(&self, column: usize) -> &Value {
        &self.values[column]
    }

    pub(crate) fn get(&self, name: &str) -> &Value {
        self.kind.column(name).map_or(&Value::Null, |at| &self.values[at])
    }

    /// A text property; empty when null.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).as_text().unwrap_or_default()
    }

    pub(crate) fn int(&self, name: &str) -> i32 {
        if let Value::Int(n) = self.get(name) { *n } else { 0 }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Value::Bool(true))
    }

    pub(crate) fn date(&self, name: &str) -> Option<Moment> {
        if let Value::Date(at) = self.get(name) { Some(*at) } else { None }
    }

    /// The key's text.
    pub(crate) fn key(&self) -> &str {
        self.values[0].as_text().unwrap_or_default()
    }

    fn shared_key(&self) -> Arc<str> {
        if let Value::Text(key) = &self.values[0] { Arc::clone(key) } else { Arc::from("") }
    }
}

/// Text -> the rows with it, in creation order.
type Index = BTreeMap<Arc<str>, Vec<u64>>;

/// All entities of one type, in creation order.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    rows: BTreeMap<u64, Row>,
    by_key: HashMap<Arc<str>, u64>,
    /// By indexed column.
    indexes: Vec<(usize, Index)>,
    next: u64,
}

impl Table {
    fn new(kind: &Kind) -> Self {
        let indexes = kind.indexed.iter().filter_map(|name| kind.column(name)).map(|at| (at, Index::new())).collect();
        Self { rows: BTreeMap::new(), by_key: HashMap::new(), indexes, next: 0 }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Row> {
        self.rows.get(self.by_key.get(key)?)
    }

    /// All rows in creation order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The rows whose indexed column has that text, in creation order; `None` = the column has no index.
    pub(crate) fn where_is(&self, column: usize, text: &str) -> Option<impl Iterator<Item = &Row>> {
        let (_, index) = self.indexes.iter().find(|(at, _)| *at == column)?;
        Some(index.get(text).into_iter().flatten().filter_map(|seq| self.rows.get(seq)))
    }

    /// The rows whose indexed column begins with that text, in order of the texts; `None` = the column has no index.
    pub(crate) fn where_begins(&self, column: usize, text: &str) -> Option<Vec<&Row>> {
        let (_, index) = self.indexes.iter().find(|(at, _)| *at == column)?;
        let from = (Bound::Included(text), Bound::Unbounded);
        let found = index.range::<str, _>(from).take_while(|(held, _)| held.starts_with(text));
        Some(found.flat_map(|(_, places)| places).filter_map(|seq| self.rows.get(seq)).collect())
    }

    /// The position of a key in creation order.
    pub(crate) fn place(&self, key: &str) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    fn put(&mut self, seq: u64, row: Row) {
        self.by_key.insert(row.shared_key(), seq);
        for (column, index) in &mut self.indexes {
            if let Value::Text(text) = row.at(*column) {
                let places = index.entry(Arc::clone(text)).or_default();
                if let Err(at) = places.binary_search(&seq) {
                    places.insert(at, seq);
                }
            }
        }
        self.rows.insert(seq, row);
    }

    fn take(&mut self, seq: u64) -> Option<Row> {
        let row = self.rows.remove(&seq)?;
        self.by_key.remove(row.key());
        for (column, index) in &mut self.indexes {
            let Some(text) = row.at(*column).as_text() else { continue };
            if let Some(places) = index.get_mut(text) {
                if let Ok(at) = places.binary_search(&seq) {
                    places.remove(at);
                }
                if places.is_empty() {
                    index.remove(text);
                }
            }
        }
        Some(row)
    }
}

/// How to undo one change.
#[derive(Debug)]
enum Undo {
    Forget { kind: usize, seq: u64 },
    Restore { kind: usize, seq: u64, row: Box<Row> },
    Links { from: Arc<str>, nav: &'static str, to: Vec<Arc<str>> },
}

/// The changes of one request or changeset, newest last.
#[derive(Debug, Default)]
pub(crate) struct Journal(Vec<Undo>);

/// Everything in an account.
#[derive(Debug, Clone)]
pub(crate) struct State {
    tables: Vec<Table>,
    links: HashMap<(Arc<str>, &'static str), Vec<Arc<str>>>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self { tables: KINDS.iter().map(|kind| Table::new(kind)).collect(), links: HashMap::new() }
    }

    pub(crate) fn table(&self, kind: &Kind) -> &Table {
        &self.tables[kind.index]
    }

    pub(crate) fn get(&self, kind: &Kind, key: &str) -> Option<&Row> {
        self.table(kind).get(key)
    }

    /// The rows of an indexed property's text, in creation order.
    pub(crate) fn find<'a>(&'a self, kind: &'a Kind, property: &str, text: &str) -> impl Iterator<Item = &'a Row> {
        kind.column(property).and_then(|column| self.table(kind).where_is(column, text)).into_iter().flatten()
    }

    /// Adds an entity; false if its key is used.
    pub(crate) fn insert(&mut self, row: Row, journal: &mut Journal) -> bool {
        let kind = row.kind.index;
        let table = &mut self.tables[kind];
        if table.by_key.contains_key(row.key()) {
            return false;
        }
        let seq = table.next;
        table.next += 1;
        table.put(seq, row);
        journal.0.push(Undo::Forget { kind, seq });
        true
    }

    /// Removes an entity and returns it.
    pub(crate) fn remove(&mut self, kind: &Kind, key: &str, journal: &mut Journal) -> Option<Row> {
        let table = &mut self.tables[kind.index];
        let seq = table.place(key)?;
        let row = table.take(seq)?;
        journal.0.push(Undo::Restore { kind: kind.index, seq, row: Box::new(row.clone()) });
        Some(row)
    }

    /// Changes an entity in place; false if there is none with that key.
    pub(crate) fn update(
        &mut self,
        kind: &Kind,
        key: &str,
        journal: &mut Journal,
        change: impl FnOnce(&mut Row),
    ) -> bool {
        let table = &mut self.tables[kind.index];
        let Some((seq, mut row)) = table.place(key).and_then(|seq| Some((seq, table.take(seq)?))) else {
            return false;
        };
        journal.0.push(Undo::Restore { kind: kind.index, seq, row: Box::new(row.clone()) });
        change(&mut row);
        table.put(seq, row);
        true
    }

    /// The target keys of a stored link.
    pub(crate) fn linked(&self, from: &str, nav: &'static str) -> &[Arc<str>] {
        self.links.get(&(Arc::from(from), nav)).map_or(&[], Vec::as_slice)
    }

    /// Replaces the target keys of a stored link.
    pub(crate) fn link(&mut self, from: &str, nav: &'static str, to: Vec<Arc<str>>, journal: &mut Journal) {
        let from: Arc<str> = Arc::from(from);
        let was = if to.is_empty() {
            self.links.remove(&(Arc::clone(&from), nav))
        } else {
            self.links.insert((Arc::clone(&from), nav), to)
        };
        journal.0.push(Undo::Links { from, nav, to: was.unwrap_or_default() });
    }

    /// Does any entity link to `to` by that navigation?
    pub(crate) fn is_linked(&self, nav: &'static str, to: &str) -> bool {
        self.links.iter().any(|((_, by), targets)| *by == nav && targets.iter().any(|target| &**target == to))
    }

    /// Undoes every recorded change, newest first.
    pub(crate) fn roll_back(&mut self, journal: Journal) {
        for undo in journal.0.into_iter().rev() {
            match undo {
                Undo::Forget { kind, seq } => {
                    self.tables[kind].take(seq);
                }
                Undo::Restore { kind, seq, row } => {
                    self.tables[kind].take(seq);
                    self.tables[kind].put(seq, *row);
                }
                Undo::Links { from, nav, to } if to.is_empty() => {
                    self.links.remove(&(from, nav));
                }
                Undo::Links { from, nav, to } => {
                    self.links.insert((from, nav), to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ASSETS, FILES};
    use super::*;

    fn file(id: &str, parent: &str) -> Row {
        Row::new(&FILES).with("Id", Value::text(id)).with("ParentAssetId", Value::text(parent))
    }

    #[test]
    fn rolling_back_a_journal_restores_rows_order_and_indexes() {
        let mut state = State::new();
        let mut kept = Journal::default();
        for id in ["a", "b", "c"] {
            assert!(state.insert(file(id, "p"), &mut kept));
        }
        let mut journal = Journal::default();
        assert!(state.insert(file("d", "q"), &mut journal));
        assert!(!state.insert(file("a", "q"), &mut journal), "a key is taken once");
        assert!(state.update(&FILES, "b", &mut journal, |row| row.set("ParentAssetId", Value::text("q"))));
        assert!(state.remove(&FILES, "a", &mut journal).is_some());
        state.link("x", "Files", vec![Arc::from("b")], &mut journal);
        assert_eq!(state.find(&FILES, "ParentAssetId", "q").count(), 2);
        state.roll_back(journal);
        let ids: Vec<_> = state.find(&FILES, "ParentAssetId", "p").map(Row::key).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(state.find(&FILES, "ParentAssetId", "q").count(), 0);
        assert_eq!(state.table(&FILES).all().map(Row::key).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(state.linked("x", "Files").is_empty());
    }

    #[test]
    fn a_hundred_thousand_assets_are_found_and_changed_without_scans() {
        let mut state = State::new();
        let mut journal = Journal::default();
        for n in 0..100_000 {
            let row = Row::new(&ASSETS)
                .with("Id", Value::text(format!("id{n}")))
                .with("AlternateId", Value::text(format!("alt{n}")));
            assert!(state.insert(row, &mut journal));
        }
        for n in 0..1000 {
            let renamed =
                state.update(&ASSETS, &format!("id{n}"), &mut journal, |row| row.set("Name", Value::text("n")));
            assert!(renamed);
        }
        assert_eq!(state.find(&ASSETS, "Name", "n").count(), 1000);
        assert_eq!(state.find(&ASSETS, "AlternateId", "alt99999").next().map(Row::key), Some("id99999"));
        assert_eq!(state.table(&ASSETS).all().nth(90_000).map(Row::key), Some("id90000"));
    }
}
