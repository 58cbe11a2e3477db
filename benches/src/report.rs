//! Medians and ratios, as a table for a person and for docs/performance.md.

use crate::measure::Cost;
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use std::time::Duration;

/// What one peer cost, a run each round.
pub struct Series {
    pub name: &'static str,
    pub costs: Vec<Cost>,
}

impl Series {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            costs: Vec::new(),
        }
    }

    fn median(&self, of: impl Fn(&Cost) -> f64) -> f64 {
        let mut values: Vec<f64> = self.costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => values[n / 2],
            n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
        }
    }

    pub fn wall(&self) -> f64 {
        self.median(|cost| cost.wall.as_secs_f64())
    }

    pub fn cpu(&self) -> f64 {
        self.median(|cost| cost.cpu().as_secs_f64())
    }
}

/// Prints a table of series with ratios to each of the floors (by name).
pub fn print(title: &str, shards: usize, series: &[Series], floors: &[&str]) {
    println!("\n## {title}\n");
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let mut header: Vec<String> = [
        "peer",
        "wall s (min..max)",
        "client ms/shard",
        "server ms/shard",
        "CPU ms/shard",
        "peak MB",
        "foreign",
    ]
    .map(str::to_owned)
    .into();
    for floor in floors {
        header.push(format!("CPU × {floor}"));
        header.push(format!("wall × {floor}"));
    }
    table.set_header(header);
    let per_shard = |seconds: f64| format!("{:.2}", seconds * 1000.0 / shards as f64);
    for one in series.iter().filter(|one| !one.costs.is_empty()) {
        let walls = || one.costs.iter().map(|cost| cost.wall);
        let mut row = vec![
            one.name.to_owned(),
            format!(
                "{:.2} ({:.2}..{:.2})",
                one.wall(),
                walls().min().unwrap_or(Duration::ZERO).as_secs_f64(),
                walls().max().unwrap_or(Duration::ZERO).as_secs_f64()
            ),
            per_shard(one.median(|cost| cost.client.as_secs_f64())),
            per_shard(one.median(|cost| cost.server.as_secs_f64())),
            per_shard(one.cpu()),
            format!("{:.1}", one.median(|cost| cost.peak_kib as f64) / 1024.0),
            format!("{:.2}", one.median(|cost| cost.foreign)),
        ];
        for floor in floors {
            match series.iter().find(|other| other.name == *floor) {
                Some(floor) => {
                    row.push(format!("{:.2}", one.cpu() / floor.cpu()));
                    row.push(format!("{:.2}", one.wall() / floor.wall()));
                }
                None => row.extend(["–".to_owned(), "–".to_owned()]),
            }
        }
        table.add_row(row);
    }
    println!("{table}");
}
