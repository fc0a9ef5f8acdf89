//! Which request is being worked for, for every line of the log that is written meanwhile.
//!
//! A span of `tracing` says it too, but every span is registered, formatted and switched to and fro, which is a tenth of
//! what a read costs. So spans are for traces, and exist only where somebody follows them.
use std::future::Future;

use uuid::Uuid;

tokio::task_local! {
    static CURRENT: Request;
}

/// A request, as lines of the log name it.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Its id, as in the audit log and in the answer.
    pub id: Uuid,
    /// Pattern of its address.
    pub route: &'static str,
}

impl Request {
    /// What is being worked for here and now; nothing where nobody asked.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|request| *request).ok()
    }

    /// Does something for the request.
    pub fn serve<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }
}

/// Does something at once for the request that a message was sent for, if there is one.
pub fn serving<T>(request: Option<Request>, work: impl FnOnce() -> T) -> T {
    match request {
        Some(request) => CURRENT.sync_scope(request, work),
        None => work(),
    }
}

/// Work in a task of its own, still for the request that is being worked for here.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let request = Request::current();
    async move {
        match request {
            Some(request) => request.serve(work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> Option<u128> {
        Request::current().map(|request| request.id.as_u128())
    }

    #[tokio::test]
    async fn it_is_known_in_the_work_for_it_and_nowhere_else() {
        let request = |id| Request { id: Uuid::from_u128(id), route: "/" };
        assert_eq!(id(), None);
        let inside = request(1).serve(async {
            tokio::task::yield_now().await;
            assert_eq!(
                tokio::spawn(async { id() }).await.unwrap(),
                None,
                "another task is not told by itself"
            );
            assert_eq!(tokio::spawn(carried(async { id() })).await.unwrap(), Some(1));
            assert_eq!(serving(Some(request(2)), id), Some(2));
            id()
        });
        assert_eq!(inside.await, Some(1));
        assert_eq!((id(), serving(None, id), carried(async { id() }).await), (None, None, None));
    }
}
