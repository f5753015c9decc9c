//! Metrics of one name told apart by labels, with a limit on how many.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};

use super::LABEL_SETS_MAX;

/// The value of every label of what came after the limit.
pub(super) const OTHER: &str = "other";

/// Counters of one name.
pub type CounterFamily = Family<Counter>;
/// Gauges of one name.
pub type GaugeFamily = Family<Gauge>;

/// Metrics of one name, one a set of label values. Clones are the same family.
#[derive(Debug, Clone)]
pub struct Family<M> {
    labels: Arc<[&'static str]>,
    members: Arc<RwLock<BTreeMap<Vec<String>, M>>>,
}

impl<M: Clone + Default> Family<M> {
    pub(super) fn new(labels: &[&'static str]) -> Self {
        Family { labels: labels.into(), members: Arc::default() }
    }

    /// The metric with these label values, in the order of the family's labels; missing values
    /// are empty, surplus ones ignored. Takes a lock: keep the handle where calls are frequent.
    #[must_use]
    pub fn with(&self, values: &[&str]) -> M {
        let value = |i: usize| values.get(i).copied().unwrap_or_default().to_owned();
        let key: Vec<String> = (0..self.labels.len()).map(value).collect();
        if let Some(member) = self.members.read().get(&key) {
            return member.clone();
        }
        let mut members = self.members.write();
        // The last place is kept for `other`, so the limit holds with it.
        if members.len() < LABEL_SETS_MAX - 1 || members.contains_key(&key) {
            return members.entry(key).or_default().clone();
        }
        let other = self.labels.iter().map(|_| OTHER.to_owned()).collect();
        members.entry(other).or_default().clone()
    }
}

impl<M: TypedMetric> TypedMetric for Family<M> {
    const TYPE: MetricType = M::TYPE;
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for Family<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (values, member) in self.members.read().iter() {
            let values = values.iter().map(String::as_str);
            let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values).collect();
            member.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }

    fn is_empty(&self) -> bool {
        self.members.read().is_empty()
    }
}
