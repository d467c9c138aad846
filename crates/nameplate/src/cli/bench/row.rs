//! One result, and which way of it is better.

use serde_json::{Value, json};

use super::Work;

/// A figure with what others reached.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) work: Work,
    pub(crate) value: f64,
    /// With what sets this figure apart from others of the same work, as in `ms p99`.
    pub(crate) unit: String,
    pub(crate) better: Better,
    /// Share of the processors that others used meanwhile.
    pub(crate) others: f64,
    /// Edges of the graph, where a work is measured at several sizes.
    pub(crate) size: Option<u64>,
    /// Peers on the same work, with their figures.
    pub(crate) peers: Vec<(String, f64)>,
}

/// Which figures are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

impl Row {
    /// A figure of which less is better.
    pub(crate) fn less(value: f64, unit: impl Into<String>) -> Self {
        Self::new(value, unit, Better::Lower)
    }

    /// A figure of which more is better.
    pub(crate) fn more(value: f64, unit: impl Into<String>) -> Self {
        Self::new(value, unit, Better::Higher)
    }

    fn new(value: f64, unit: impl Into<String>, better: Better) -> Self {
        // The work is filled in by who runs it.
        Self {
            work: Work::Filter,
            value,
            unit: unit.into(),
            better,
            others: 0.0,
            size: None,
            peers: Vec::new(),
        }
    }

    /// How many times better than a peer's figure: above 1 is better whichever way the unit counts.
    pub(crate) fn ratio(&self, peer: f64) -> f64 {
        match self.better {
            Better::Higher => self.value / peer,
            Better::Lower => peer / self.value,
        }
    }

    /// One object for each peer, or one without a peer.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let line = |peer: Option<&(String, f64)>| {
            json!({
                "work": name(self.work),
                "value": self.value,
                "unit": self.unit,
                "peer": peer.map(|(name, _)| name),
                "peer_value": peer.map(|(_, value)| value),
                "ratio": peer.map(|(_, value)| self.ratio(*value)),
            })
        };
        if self.peers.is_empty() {
            vec![line(None)]
        } else {
            self.peers.iter().map(|peer| line(Some(peer))).collect()
        }
    }
}

/// The work as users name it.
pub(crate) fn name(work: Work) -> String {
    use clap::ValueEnum;
    work.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_better_whichever_way_the_unit_counts() {
        assert_eq!(Row::more(20.0, "events/s").ratio(10.0), 2.0);
        assert_eq!(Row::less(20.0, "ms p50").ratio(100.0), 5.0);
    }

    #[test]
    fn a_line_has_exactly_the_six_fields() {
        let lines = Row::more(1.0, "x").lines();
        let fields: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
        assert_eq!(fields.len(), 6);
        for field in ["work", "value", "unit", "peer", "peer_value", "ratio"] {
            assert!(fields.iter().any(|known| *known == field), "{field}");
        }
    }
}
