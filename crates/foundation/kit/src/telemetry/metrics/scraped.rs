//! Counters that somebody keeps anyway, read only when they are asked for: counting costs nothing
//! beyond what it cost before.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::LABEL_SETS_MAX;
use super::family::OTHER;

/// Reads all counts of one name: each set of label values with its count.
pub(super) type Read = Box<dyn Fn() -> Vec<(Vec<String>, u64)> + Send + Sync>;

/// One name.
pub(super) struct Scraped {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) labels: Vec<&'static str>,
    pub(super) read: Read,
}

impl std::fmt::Debug for Scraped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Scraped").field(&self.name).finish()
    }
}

impl Collector for Scraped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut counts = (self.read)();
        if counts.is_empty() {
            return Ok(());
        }
        if counts.len() > LABEL_SETS_MAX {
            let surplus = counts.drain(LABEL_SETS_MAX - 1..).map(|(_, count)| count);
            let surplus = surplus.fold(0, u64::wrapping_add);
            counts.push((vec![OTHER.to_owned(); self.labels.len()], surplus));
        }
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor(&self.name, &self.help, None, kind)?;
        for (values, count) in &counts {
            let values = values.iter().map(String::as_str);
            let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values).collect();
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
