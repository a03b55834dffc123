//! The whole store as text: JSON Lines, one row a line, in an order that is always the same. What is exported, imported and
//! exported again is the same text.

use std::io::{BufRead, Write};

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value, json};

use crate::error::MissionError;
use crate::fsck;
use crate::reader::Reader;
use crate::schema::SCHEMA_VERSION;
use crate::writer::Mission;

/// Every table, and the columns by which its rows are put in order. Full-text indexes are made anew by their triggers.
pub(crate) const TABLES: [(&str, &str); 14] = [
    ("project", "id"),
    ("task", "id"),
    ("need", "task, needs, until"),
    ("run", "task, epoch"),
    ("step", "run, key"),
    ("slot", "key, run"),
    ("merge", "id"),
    ("event", "seq"),
    ("ledger", "id"),
    ("outbox", "id"),
    ("mind", "id"),
    ("inbox", "key"),
    ("schedule", "id"),
    ("firing", "schedule, fire_ms"),
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
    pub fn import(&self, lines: impl BufRead) -> Result<u64, MissionError> {
        let rows = parse(lines)?;
        self.write(move |c| {
            if let Some(table) = first_filled(c)? {
                return Err(MissionError::NotEmpty { table });
            }
            // Rows point at rows that come later. What points nowhere is found here: a commit that refuses it would be taken
            // for a failing disk.
            c.execute_batch("PRAGMA defer_foreign_keys = ON")?;
            for (number, table, row) in &rows {
                insert(c, table, row).map_err(|e| bad(*number, &e))?;
            }
            match fsck::check(c)?.first() {
                None => Ok(rows.len() as u64),
                Some(fault) => Err(MissionError::Broken {
                    invariant: fault.invariant,
                    rows: fault.rows.join("; "),
                }),
            }
        })
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

type Line = (usize, String, Map<String, Value>);

fn parse(lines: impl BufRead) -> Result<Vec<Line>, MissionError> {
    let mut rows = Vec::new();
    for (number, text) in (1..).zip(lines.lines()) {
        let text = text.map_err(|e| bad(number, &e))?;
        if text.len() > LINE_BYTES_MAX {
            return Err(bad(number, &"it is too long"));
        }
        let parsed: Value = serde_json::from_str(&text).map_err(|e| bad(number, &e))?;
        if number == 1 {
            let version = parsed.get("alai_export").and_then(Value::as_i64);
            let schema = parsed.get("schema").and_then(Value::as_i64);
            if (version, schema) != (Some(1), Some(SCHEMA_VERSION)) {
                let why = format!("this alai reads exports 1 of schema {SCHEMA_VERSION}");
                return Err(bad(number, &why));
            }
            continue;
        }
        let table = parsed.get("table").and_then(Value::as_str);
        let known = table.filter(|name| TABLES.iter().any(|(table, _)| table == name));
        match (known, parsed.get("row").and_then(Value::as_object)) {
            (Some(table), Some(row)) => rows.push((number, table.to_owned(), row.clone())),
            (None, _) | (_, None) => return Err(bad(number, &"it is no row of a known table")),
        }
    }
    if rows.is_empty() {
        return Err(bad(1, &"there are no rows"));
    }
    Ok(rows)
}

fn insert(c: &Connection, table: &str, row: &Map<String, Value>) -> Result<(), MissionError> {
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
