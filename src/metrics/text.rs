//! From counts to OpenMetrics text, with the project's own encoder.
use ceven_actors::meter::Distribution;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, text},
    metrics::{MetricType, exemplar::Exemplar, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// Names and values of labels.
pub type Labels = Vec<(&'static str, String)>;

/// Everything under one name.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    points: Points,
}

#[derive(Debug)]
enum Points {
    Counter(Vec<(Labels, f64)>),
    Gauge(Vec<(Labels, f64)>),
    /// With how many of the numbers make one of the family's unit.
    Histogram(f64, Vec<(Labels, Distribution)>),
}

impl Family {
    /// Numbers that only rise.
    pub fn counter(name: &'static str, help: &'static str, points: Vec<(Labels, f64)>) -> Self {
        Self { name, help, unit: None, points: Points::Counter(points) }
    }

    /// Numbers that rise and fall.
    pub fn gauge(name: &'static str, help: &'static str, points: Vec<(Labels, f64)>) -> Self {
        Self { name, help, unit: None, points: Points::Gauge(points) }
    }

    /// Times that were counted in microseconds and are shown in seconds.
    pub fn times(name: &'static str, help: &'static str, points: Vec<(Labels, Distribution)>) -> Self {
        Self { name, help, unit: Some(Unit::Seconds), points: Points::Histogram(1e6, points) }
    }

    /// Sizes.
    pub fn sizes(name: &'static str, help: &'static str, points: Vec<(Labels, Distribution)>) -> Self {
        Self { name, help, unit: None, points: Points::Histogram(1.0, points) }
    }

    /// The same family in another unit, which its name then ends in.
    pub fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let kind = match self.points {
            Points::Counter(_) => MetricType::Counter,
            Points::Gauge(_) => MetricType::Gauge,
            Points::Histogram(..) => MetricType::Histogram,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), kind)?;
        match &self.points {
            Points::Counter(points) => {
                for (labels, value) in points {
                    family.encode_family(labels)?.encode_counter::<Labels, f64, f64>(value, None)?;
                }
            }
            Points::Gauge(points) => {
                for (labels, value) in points {
                    ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
                }
            }
            Points::Histogram(parts, points) => {
                for (labels, read) in points {
                    let bounds = read.bounds.iter().map(|bound| *bound as f64 / parts).chain([f64::INFINITY]);
                    let buckets: Vec<_> = bounds.zip(read.counts.iter().copied()).collect();
                    let (sum, count) = (read.sum as f64 / parts, read.counts.iter().sum());
                    let exemplars: Option<&std::collections::HashMap<usize, Exemplar<Labels, f64>>> = None;
                    family.encode_family(labels)?.encode_histogram(sum, count, &buckets, exemplars)?;
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

/// Families as a scrape's answer.
///
/// # Errors
/// None in practice: writing to a text does not fail.
pub fn encode(families: Vec<Family>) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut answer = String::new();
    text::encode(&mut answer, &registry)?;
    Ok(answer)
}
