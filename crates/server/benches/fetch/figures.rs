//! What was measured, and how it is told: medians of ratios, since the machine is rarely quiet.

use std::time::Duration;

/// One turn of the client.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// How many were before it.
    pub(crate) number: usize,
    pub(crate) length: Duration,
}

impl Turn {
    /// From where on it numbers its requests: no other turn does.
    pub(crate) fn first_number(&self) -> u64 {
        (self.number as u64 + 1) * 1_000_000_000
    }
}

/// What one turn came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Milliseconds that half of all waited at most.
    pub(crate) p50: f64,
    /// Milliseconds that ninety-nine of a hundred waited at most.
    pub(crate) p99: f64,
    /// Microseconds of processor time that the server took for each.
    pub(crate) cpu: f64,
}

impl Report {
    pub(crate) fn new(waits: &mut [Duration], took: Duration, cpu: Duration) -> Self {
        waits.sort_unstable();
        let count = waits.len() as f64;
        let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_secs_f64() * 1e3;
        Self { rate: count / took.as_secs_f64(), p50: at(50), p99: at(99), cpu: cpu.as_secs_f64() * 1e6 / count }
    }

    /// For the process that reads it.
    pub(crate) fn print(&self) -> String {
        format!("{} {} {} {}", self.rate, self.p50, self.p99, self.cpu)
    }

    pub(crate) fn parse(text: &str) -> Self {
        let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [rate, p50, p99, cpu] = numbers[..] else { panic!("not a report: {text}") };
        Self { rate, p50, p99, cpu }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints what one kind of request came to, in the median of each figure.
pub(crate) fn line(name: &str, reports: &[Report]) {
    let of = |figure: fn(&Report) -> f64| median(reports.iter().map(figure));
    let (rate, p50, p99, cpu) = (of(|r| r.rate), of(|r| r.p50), of(|r| r.p99), of(|r| r.cpu));
    println!("{name:28} {rate:8.0}/s   p50 {p50:7.2} ms   p99 {p99:7.2} ms   {cpu:6.2} µs of CPU each");
}

/// Prints what a bare answer takes in proportion to a fetch: 1 would be no difference.
pub(crate) fn ratios(name: &str, bare: &[Report], fetch: &[Report]) {
    let ratios = |what: &str, figure: fn(&Report, &Report) -> f64| {
        let ratios: Vec<f64> = bare.iter().zip(fetch).map(|(bare, fetch)| figure(bare, fetch)).collect();
        let rounds: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let name = format!("{name} / bare, {what}");
        println!("{name:42} {:.3}   in rounds: {}", median(ratios.into_iter()), rounds.join(" "));
    };
    ratios("requests", |bare, fetch| fetch.rate / bare.rate);
    ratios("CPU", |bare, fetch| bare.cpu / fetch.cpu);
}
