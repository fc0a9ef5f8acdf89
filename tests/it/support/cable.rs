//! A way to the database that can be cut, and that can fall silent: then what was connected stays so, and nothing comes
//! through any more, as when the machine at the other end has lost its power.
use std::sync::Arc;

use tokio::{io::copy_bidirectional, net::TcpStream, sync::watch};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    whole: bool,
    /// Connections of an earlier one are silent.
    epoch: u32,
}

pub struct Cable {
    pub port: u16,
    state: Arc<watch::Sender<State>>,
}

impl Cable {
    pub async fn lay(target: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(State { whole: true, epoch: 0 }));
        let seen = state.clone();
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                tokio::spawn(connect(near, target.clone(), seen.subscribe()));
            }
        });
        Self { port, state }
    }

    /// Ends what is connected; nothing connects until it is mended.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.whole = false);
    }

    pub fn mend(&self) {
        self.state.send_modify(|state| state.whole = true);
    }

    /// What is connected falls silent; what connects from now on works.
    pub fn fall_silent(&self) {
        self.state.send_modify(|state| state.epoch += 1);
    }
}

async fn connect(mut near: TcpStream, target: String, mut state: watch::Receiver<State>) {
    let begun = *state.borrow();
    if !begun.whole {
        return;
    }
    let Ok(mut far) = TcpStream::connect(&target).await else { return };
    let is_silent = tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => false,
        changed = state.wait_for(|state| *state != begun) => changed.is_ok_and(|state| state.whole),
    };
    if is_silent {
        std::future::pending::<()>().await;
    }
}
