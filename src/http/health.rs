//! The admin listener: `/healthz` says that the process lives, `/readyz` that it can do its work.
use std::sync::Arc;

use http::StatusCode;
use warp::{Filter, filters::BoxedFilter, reply::Response};

use super::reply;
use crate::app::App;

/// Everything the admin listener answers.
pub fn routes(app: Arc<App>) -> BoxedFilter<(Response,)> {
    warp::any()
        .and(warp::path::full())
        .then(move |path: warp::path::FullPath| {
            let app = app.clone();
            async move {
                match path.as_str() {
                    "/healthz" => Response::new("ok\n".into()),
                    "/readyz" => match app.store.ping().await {
                        Ok(()) => Response::new("ready\n".into()),
                        Err(_) => {
                            reply::problem(StatusCode::SERVICE_UNAVAILABLE, "The database does not answer.")
                        }
                    },
                    _ => reply::problem(StatusCode::NOT_FOUND, "There is nothing at this address."),
                }
            }
        })
        .boxed()
}
