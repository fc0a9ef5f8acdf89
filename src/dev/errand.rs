//! A call that a simulator makes to somebody else because of what it did.
use std::time::Duration;

use serde::Serialize;

/// How long the other side has.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A POST.
#[derive(Debug, Clone)]
pub struct Errand {
    /// Where to.
    pub url: String,
    /// Media type of the body.
    pub media_type: &'static str,
    /// Token for `Authorization: Bearer`, when the other side judges that.
    pub bearer: Option<String>,
    /// Body.
    pub body: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Where to.
    pub url: String,
    /// Status; `None` when nobody answered.
    pub status: Option<u16>,
}

impl Errand {
    /// Sends it.
    pub async fn send(self, client: &reqwest::Client) -> Sent {
        let mut request =
            client.post(&self.url).timeout(TIMEOUT).header("content-type", self.media_type).body(self.body);
        if let Some(token) = self.bearer {
            request = request.bearer_auth(token);
        }
        let status = request.send().await.ok().map(|answer| answer.status().as_u16());
        Sent { url: self.url, status }
    }
}
