//! Writing down what was counted, twice a second, for as long as the server runs and once more at its end.

use super::Meter;
use super::reads::Reads;
use crate::app::App;
use crate::limits;
use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream;
use onefold_core::error::Error;
use onefold_core::service::Service;
use onefold_core::service::usage::Hour;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(limits::METER_MS);
const HOUR_MS: u64 = 3_600_000;

/// Writes for as long as the server runs.
pub async fn run(app: Arc<App>) {
    join(write(&app), keep_time(&app)).await;
}

async fn write(app: &App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for turn in 1.. {
        ticks.tick().await;
        if let Err(error) = app.meter.flush(&app.service, turn % limits::METER_TURNS == 0).await {
            tracing::warn!(%error, "what was metered could not be written; the next second tries again");
        }
    }
}

/// Gathers on the hour, whatever the store is doing, so that calls are counted in theirs; and when a tally fills up.
async fn keep_time(app: &App) {
    loop {
        let left = HOUR_MS - app.service.clock().now() % HOUR_MS;
        // No longer than a write, so that a clock that was set is noticed.
        let soon = Duration::from_millis(left).min(EVERY);
        let rung = tokio::time::timeout(soon, app.meter.bell.notified()).await.is_ok();
        // In between it is gathered with each write.
        if rung || soon < EVERY {
            app.meter.gather(Some(app.service.clock().now()));
        }
    }
}

impl Meter {
    /// Writes down all that was counted up to now; `reads` says whether also reads that fill no row yet. What fails stays
    /// and is tried again by the next call.
    pub async fn flush(&self, service: &Service, reads: bool) -> Result<(), Error> {
        let _turn = self.writing.lock().await;
        let now = service.clock().now();
        self.gather(Some(now));
        let (due, ready) = {
            let mut books = self.books();
            books.totals.tidy(Hour::of(now));
            let hour = books.hour;
            books.reads.make_rows(hour, reads);
            (books.totals.due(), Waiting { meter: self, reads: books.reads.take_ready() })
        };
        let totals = due.iter().map(|due| async {
            service.keep_usage(&due.place, due.lines.clone()).await?;
            self.books().totals.done(due);
            Ok(())
        });
        let totals = all(totals.collect()).await;
        let kept = ready.write(service).await;
        self.tell_lost();
        totals.into_iter().collect::<Result<(), Error>>().and(kept)
    }

    /// Says what no row will tell of.
    fn tell_lost(&self) {
        let (calls, reads) = {
            let mut books = self.books();
            (books.totals.take_lost(), books.reads.take_lost())
        };
        if calls > 0 || reads > 0 {
            tracing::error!(calls, reads, "more was metered than there is room for while the store takes nothing");
        }
    }

    /// Writes what is left when the server ends, and says so if it cannot.
    pub async fn finish(&self, service: &Service) {
        if let Err(error) = self.flush(service, true).await {
            let rows = self.books().totals.unwritten();
            tracing::error!(%error, rows, "what was metered last could not be written");
        }
    }
}

/// Rows of reads on their way: those that are not written when this ends go back.
struct Waiting<'a> {
    meter: &'a Meter,
    reads: Vec<Reads>,
}

impl Waiting<'_> {
    async fn write(mut self, service: &Service) -> Result<(), Error> {
        let writes = self.reads.iter().map(|row| service.keep_reads(&row.place, &row.ucids, row.missed));
        let done = all(writes.collect()).await;
        let mut each = done.iter();
        self.reads.retain(|_| each.next().is_none_or(Result::is_err));
        done.into_iter().collect()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.reads);
        if !left.is_empty() {
            self.meter.books().reads.give_back(left);
        }
    }
}

/// Does all of it, many at a time, whatever fails.
async fn all(work: Vec<impl Future<Output = Result<(), Error>>>) -> Vec<Result<(), Error>> {
    stream::iter(work).buffered(limits::METER_WRITES).collect().await
}
