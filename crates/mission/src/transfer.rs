//! The whole store as text: JSON Lines, one row a line, in an order that is always the same. What is exported, imported and
//! exported again is the same text.

use std::io::{BufRead, Read, Write};

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value, json};

use crate::error::MissionError;
use crate::fsck;
use crate::reader::Reader;
use crate::schema::SCHEMA_VERSION;
use crate::writer::Mission;

/// Every table, and the columns by which its rows are put in order. Full-text indexes are made anew by their triggers.
pub(crate) const TABLES: [(&str, &str); 26] = [
    ("project", "id"),
    ("task", "id"),
    ("need", "task, needs, until"),
    // The order in which they began is also the order in which they are found.
    ("run", "started_ms, id"),
    ("step", "run, key"),
    ("slot", "key, run"),
    ("merge", "id"),
    ("published", "task"),
    ("remark", "task, key"),
    ("event", "seq"),
    // Its sums are made anew as it is read.
    ("ledger", "id"),
    ("cap", "scope, key"),
    ("refused", "task"),
    ("mark", "day, kind"),
    ("learned", "host, model"),
    ("outbox", "id"),
    ("notify_sink", "name"),
    ("mind", "id"),
    ("inbox", "key"),
    ("schedule", "id"),
    ("firing", "schedule, fire_ms"),
    ("word", "run, seq"),
    ("session", "lineage"),
    ("entry", "id"),
    ("passage", "gate, word"),
    ("verification", "run"),
];

/// One row is at most a task with all its findings.
const LINE_BYTES_MAX: usize = 16 << 20;

impl Reader {
    /// Writes one moment of the store.
    pub fn export(&self, out: &mut dyn Write) -> Result<(), MissionError> {
        self.read(|c| {
            let c = c.unchecked_transaction()?;
            line(out, &json!({"alai_export": 1, "schema": SCHEMA_VERSION}))?;
            TABLES
                .iter()
                .try_for_each(|(table, order)| export_table(&c, table, order, out))
        })
    }
}

impl Mission {
    /// Reads an export into this store, which must be empty: all of it or nothing. Answers with the number of rows.
    pub fn import(&self, mut lines: impl BufRead + Send + 'static) -> Result<u64, MissionError> {
        self.write(move |c| {
            if let Some(table) = first_filled(c)? {
                return Err(MissionError::NotEmpty { table });
            }
            // Rows point at rows that come later. What points nowhere is found here: a commit that refuses it would be taken
            // for a failing disk.
            c.execute_batch("PRAGMA defer_foreign_keys = ON")?;
            let rows = insert_all(c, &mut lines)?;
            match fsck::check(c)?.first() {
                None => Ok(rows),
                Some(fault) => Err(MissionError::Broken {
                    invariant: fault.invariant,
                    rows: fault.rows.join("; "),
                }),
            }
        })
    }
}

/// One line at a time: an export may be larger than memory.
fn insert_all(c: &Connection, lines: &mut impl BufRead) -> Result<u64, MissionError> {
    let mut text = Vec::new();
    let mut rows = 0;
    for number in 1.. {
        text.clear();
        let most = LINE_BYTES_MAX as u64 + 1;
        let read = lines.by_ref().take(most).read_until(b'\n', &mut text);
        match read.map_err(|e| bad(number, &e))? {
            0 => break,
            _ if text.len() > LINE_BYTES_MAX => return Err(bad(number, &"it is too long")),
            _ => {}
        }
        let parsed = serde_json::from_slice(&text).map_err(|e| bad(number, &e))?;
        if number == 1 {
            check_header(&parsed)?;
            continue;
        }
        insert(c, &parsed).map_err(|e| bad(number, &e))?;
        rows += 1;
    }
    match rows {
        0 => Err(bad(1, &"there are no rows")),
        rows => Ok(rows),
    }
}

fn check_header(line: &Value) -> Result<(), MissionError> {
    let version = line.get("alai_export").and_then(Value::as_i64);
    let schema = line.get("schema").and_then(Value::as_i64);
    match (version, schema) {
        (Some(1), Some(SCHEMA_VERSION)) => Ok(()),
        _ => {
            let why = format!("this alai reads exports 1 of schema {SCHEMA_VERSION}");
            Err(bad(1, &why))
        }
    }
}

fn export_table(
    c: &Connection,
    table: &str,
    order: &str,
    out: &mut dyn Write,
) -> Result<(), MissionError> {
    let mut statement = c.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY {order}"))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut object = Map::new();
        for (at, name) in names.iter().enumerate() {
            object.insert(name.clone(), value(row.get_ref(at)?)?);
        }
        line(out, &json!({"table": table, "row": object}))?;
    }
    Ok(())
}

fn value(cell: ValueRef<'_>) -> Result<Value, MissionError> {
    match cell {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(number.into()),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(text.into()),
            Err(e) => Err(unreadable(&e)),
        },
        // The schema has no such column (STRICT, INTEGER and TEXT).
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(unreadable(&"a type that no table has")),
    }
}

fn unreadable(why: &dyn std::fmt::Display) -> MissionError {
    MissionError::Row {
        table: "export",
        why: why.to_string(),
    }
}

fn line(out: &mut dyn Write, value: &Value) -> Result<(), MissionError> {
    writeln!(out, "{value}").map_err(|source| MissionError::Io {
        doing: "write the export to",
        path: "its output".into(),
        source,
    })
}

fn insert(c: &Connection, line: &Value) -> Result<(), MissionError> {
    let table = line.get("table").and_then(Value::as_str);
    let known = table.filter(|name| TABLES.iter().any(|(table, _)| table == name));
    let (Some(table), Some(row)) = (known, line.get("row").and_then(Value::as_object)) else {
        return Err(unreadable(&"it is no row of a known table"));
    };
    let known = columns(c, table)?;
    let mut names = Vec::with_capacity(row.len());
    let mut cells = Vec::with_capacity(row.len());
    for (name, value) in row {
        // A name goes into the statement: only those that the table has.
        if !known.contains(name) {
            return Err(unreadable(&format!("{table} has no column `{name}`")));
        }
        names.push(format!("\"{name}\""));
        cells.push(match value {
            Value::Null => Cell::Null,
            Value::Number(number) => Cell::Integer(
                number
                    .as_i64()
                    .ok_or_else(|| unreadable(&format!("{name} is no whole number")))?,
            ),
            Value::String(text) => Cell::Text(text.clone()),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(unreadable(&format!("{name} is no text and no number")));
            }
        });
    }
    let places = vec!["?"; names.len()].join(",");
    let sql = format!(
        "INSERT INTO \"{table}\" ({}) VALUES ({places})",
        names.join(",")
    );
    c.prepare_cached(&sql)?.execute(params_from_iter(cells))?;
    Ok(())
}

fn columns(c: &Connection, table: &str) -> Result<Vec<String>, MissionError> {
    let mut statement = c.prepare_cached("SELECT name FROM pragma_table_info(?)")?;
    let names = statement.query_map([table], |r| r.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn first_filled(c: &Connection) -> Result<Option<&'static str>, MissionError> {
    for (table, _) in TABLES {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{table}\")");
        if c.query_row(&sql, [], |r| r.get::<_, bool>(0))? {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

fn bad(line: usize, why: &dyn std::fmt::Display) -> MissionError {
    MissionError::Import {
        line,
        why: why.to_string(),
    }
}
