//! A future that is looked at only when it was woken itself, not whenever something else of its task was: what happens
//! rarely on a connection costs next to nothing at every request.

use futures_util::task::AtomicWaker;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Wraps a future, boxed once.
pub(super) struct Apart<F> {
    inner: Pin<Box<F>>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
}

/// Whether the inner future was woken, and whom to tell.
struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl<F> Apart<F> {
    pub(super) fn new(inner: F) -> Self {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { inner: Box::pin(inner), waker: bell.clone().into(), bell }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        // First whom to tell, then the look, so that a bell that rings in between is heard.
        this.bell.task.register(cx.waker());
        if !this.bell.rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        this.bell.rung.swap(false, Ordering::AcqRel);
        this.inner.as_mut().poll(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    #[tokio::test]
    async fn it_is_polled_when_it_was_woken_and_not_when_its_task_was() {
        let (looks, begun) = (AtomicU32::new(0), tokio::time::Instant::now());
        let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::from_millis(30)));
        let mut apart = Apart::new(std::future::poll_fn(|cx| {
            looks.fetch_add(1, Ordering::Relaxed);
            sleep.as_mut().poll(cx)
        }));
        let busy = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = busy => {}
            () = &mut apart => {}
        }
        assert!(begun.elapsed() >= Duration::from_millis(30));
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }
}
