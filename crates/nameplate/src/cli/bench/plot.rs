//! The picture of the growth: what one edge costs at each size, both axes in powers of ten.
//!
//! A cost that grows with the number of edges, and no faster, is a level line.

use std::fmt::Write;

use super::row::{Better, Row};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 3] = ["#1f6feb", "#bf5700", "#2e7d32"];

/// One line of the picture: sizes and nanoseconds an edge.
struct Series {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// Draws the rows that have a size; `None` without any.
pub(crate) fn svg(rows: &[Row]) -> Option<String> {
    let named = [("load", "load of"), ("stream, 10,000 a commit", "stream into"), ("filter", "filter of")];
    let all: Vec<Series> = named
        .into_iter()
        .map(|(name, part)| Series {
            name,
            points: rows
                .iter()
                .filter(|row| row.unit.contains(part))
                .filter_map(|row| Some((row.size? as f64, nanoseconds(row)?)))
                .collect(),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let points = || all.iter().flat_map(|series| series.points.iter());
    let low = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min).log10().floor();
    let high = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max).log10().ceil();
    if all.is_empty() {
        return None;
    }
    let (x_low, x_high) = (low(|p| p.0), high(|p| p.0).max(low(|p| p.0) + 1.0));
    let (y_low, y_high) = (low(|p| p.1), high(|p| p.1).max(low(|p| p.1) + 1.0));
    let x = |edges: f64| LEFT + (edges.log10() - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT);
    let y = |ns: f64| HEIGHT - BOTTOM - (ns.log10() - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM);

    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
<text x="{LEFT}" y="22" font-size="15">Time an edge costs, by the size of the graph (a level line is linear growth)</text>"##
    );
    for power in powers(y_low, y_high) {
        let (at, label) = (y(10f64.powi(power)), nanoseconds_text(power));
        let _ = writeln!(
            out,
            r##"<line x1="{LEFT}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}" stroke="#d0d7de"/><text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"##,
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    for power in powers(x_low, x_high) {
        let (at, label) = (x(10f64.powi(power)), edges_text(power));
        let _ = writeln!(
            out,
            r##"<line x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{:.1}" stroke="#d0d7de"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{label}</text>"##,
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18.0
        );
    }
    let _ = writeln!(
        out,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">edges</text>"#,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0
    );
    for (series, colour) in all.iter().zip(COLOURS) {
        let line: Vec<String> =
            series.points.iter().map(|(edges, ns)| format!("{:.1},{:.1}", x(*edges), y(*ns))).collect();
        let _ = writeln!(
            out,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            line.join(" ")
        );
        for (edges, ns) in &series.points {
            let _ = writeln!(
                out,
                r#"<circle cx="{:.1}" cy="{:.1}" r="4" fill="{colour}"/><text x="{:.1}" y="{:.1}" fill="{colour}">{}</text>"#,
                x(*edges),
                y(*ns),
                x(*edges) + 7.0,
                y(*ns) - 7.0,
                short(*ns)
            );
        }
        if let Some((edges, ns)) = series.points.last() {
            let _ = writeln!(
                out,
                r#"<text x="{:.1}" y="{:.1}" fill="{colour}">{}</text>"#,
                x(*edges) + 62.0,
                y(*ns) + 5.0,
                series.name
            );
        }
    }
    out.push_str("</svg>\n");
    Some(out)
}

/// What one edge costs.
fn nanoseconds(row: &Row) -> Option<f64> {
    let size = row.size? as f64;
    Some(match row.better {
        Better::Higher => 1e9 / row.value,
        Better::Lower => row.value * 1e6 / size,
    })
}

fn powers(low: f64, high: f64) -> std::ops::RangeInclusive<i32> {
    low as i32..=high as i32
}

fn nanoseconds_text(power: i32) -> String {
    match power {
        ..0 => format!("{} ns", 10f64.powi(power)),
        0..3 => format!("{} ns", 10i64.pow(power.unsigned_abs())),
        _ => format!("{} us", 10i64.pow(power.unsigned_abs() - 3)),
    }
}

fn edges_text(power: i32) -> String {
    match power {
        6.. => format!("{} M", 10i64.pow(power.unsigned_abs() - 6)),
        3..6 => format!("{} k", 10i64.pow(power.unsigned_abs() - 3)),
        _ => 10f64.powi(power).to_string(),
    }
}

fn short(ns: f64) -> String {
    if ns >= 100.0 { format!("{ns:.0} ns") } else { format!("{ns:.1} ns") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_with_a_size_are_drawn() {
        assert_eq!(svg(&[Row::more(1.0, "edges/s")]), None);
        let at = |size, value| Row { size: Some(size), ..Row::more(value, "edges/s, load of some") };
        let drawn = svg(&[at(1_000_000, 1e7), at(10_000_000, 2e7)]).unwrap();
        assert_eq!(drawn.matches("<circle").count(), 2);
        assert!(drawn.contains("100 ns") && drawn.contains("50.0 ns"), "{drawn}");
    }
}
