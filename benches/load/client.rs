//! A generator that costs little: keep-alive connections, prepared requests, no HTTP library, one thread for all: threads
//! that wake each other take from the server what is to be measured.
use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// A request as bytes.
pub type Request = Arc<[u8]>;

/// What a slice of load saw.
#[derive(Debug, Default)]
pub struct Slice {
    /// Of every answered request.
    pub latencies: Vec<Duration>,
    /// Answers that were no 2xx.
    pub failed: usize,
    /// How long it took.
    pub length: Duration,
    /// CPU of the server per request, in microseconds.
    pub cpu_us: f64,
}

impl Slice {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.length.as_secs_f64()
    }

    /// A percentile of the latencies.
    pub fn p(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted
            .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(port: u16) -> Self {
        Self::open_from(Ipv4Addr::LOCALHOST, port).await
    }

    /// Connects from one of the machine's own addresses, 127.0.0.0/8.
    pub async fn open_from(own: Ipv4Addr, port: u16) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((own, 0).into()).expect("an address");
        let server = (Ipv4Addr::LOCALHOST, port).into();
        let stream = socket.connect(server).await.expect("the server accepts");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::with_capacity(1 << 16) }
    }

    /// Sends and reads one answer; its status and its body.
    pub async fn ask(&mut self, request: &[u8]) -> (u16, &[u8]) {
        self.stream.write_all(request).await.expect("the server reads");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).expect("headers are text");
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |text| text.parse().expect("a length"));
            let status = head[9..12].parse().expect("a status");
            while self.buffer.len() < end + 4 + length {
                assert!(self.stream.read_buf(&mut self.buffer).await.expect("the server answers") > 0);
            }
            return (status, &self.buffer[end + 4..]);
        }
    }
}

/// Runs on a thread of its own.
async fn on_one_thread<F>(work: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::spawn_blocking(move || runtime.block_on(work)).await.expect("a generator")
}

/// Sends the requests in turn, over so many connections, for so long.
pub async fn run(port: u16, requests: &[Request], connections: usize, length: Duration) -> Slice {
    on_one_thread(send_in_turn(port, requests.into(), connections, length)).await
}

async fn send_in_turn(port: u16, requests: Arc<[Request]>, connections: usize, length: Duration) -> Slice {
    let begun = Instant::now();
    let tasks = (0..connections).map(|number| {
        let requests = requests.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(port).await;
            let mut slice = Slice::default();
            for index in number * 31.. {
                let sent = Instant::now();
                if sent.duration_since(begun) > length {
                    break;
                }
                let (status, body) = connection.ask(&requests[index % requests.len()]).await;
                slice.failed += usize::from(status / 100 != 2 || body.is_empty());
                slice.latencies.push(sent.elapsed());
            }
            slice
        })
    });
    let mut whole = Slice::default();
    for task in futures_util::future::join_all(tasks).await {
        let part = task.expect("a client");
        whole.failed += part.failed;
        whole.latencies.extend(part.latencies);
    }
    whole.length = begun.elapsed();
    whole
}

/// Sends the requests in turn at a rate that no slow answer changes; latencies count from when a request was due.
pub async fn paced(
    port: u16,
    requests: &[Request],
    connections: usize,
    rate: f64,
    length: Duration,
) -> Slice {
    on_one_thread(send_when_due(port, requests.into(), connections, rate, length)).await
}

async fn send_when_due(
    port: u16,
    requests: Arc<[Request]>,
    connections: usize,
    rate: f64,
    length: Duration,
) -> Slice {
    let (begun, gap) = (Instant::now(), Duration::from_secs_f64(connections as f64 / rate));
    let tasks = (0..connections).map(|number| {
        let requests = requests.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(port).await;
            let mut slice = Slice::default();
            let mut due = begun + gap.mul_f64(number as f64 / connections as f64);
            for index in number * 31.. {
                if due.duration_since(begun) > length {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
                let (status, _) = connection.ask(&requests[index % requests.len()]).await;
                slice.failed += usize::from(status / 100 != 2);
                slice.latencies.push(due.elapsed());
                due += gap;
            }
            slice
        })
    });
    let mut whole = Slice::default();
    for task in futures_util::future::join_all(tasks).await {
        let part = task.expect("a client");
        whole.failed += part.failed;
        whole.latencies.extend(part.latencies);
    }
    whole.length = begun.elapsed();
    whole
}

/// Sends every request once, over so many connections; ids of the resources that were answered, in order.
pub async fn once_each(port: u16, requests: Vec<Request>, connections: usize) -> (Vec<String>, Slice) {
    on_one_thread(send_once(port, requests.into(), connections)).await
}

async fn send_once(port: u16, requests: Arc<[Request]>, connections: usize) -> (Vec<String>, Slice) {
    let next = Arc::new(AtomicUsize::new(0));
    let tasks = (0..connections).map(|_| {
        let (requests, next) = (requests.clone(), next.clone());
        tokio::spawn(async move {
            let mut connection = Connection::open(port).await;
            let (mut ids, mut slice) = (Vec::new(), Slice::default());
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(index) else { return (ids, slice) };
                let sent = Instant::now();
                let (status, body) = connection.ask(request).await;
                slice.failed += usize::from(status / 100 != 2);
                slice.latencies.push(sent.elapsed());
                let text = String::from_utf8_lossy(body);
                ids.extend(
                    text.strip_prefix(r#"{"id":""#)
                        .and_then(|rest| rest.get(..36))
                        .map(|id| (index, id.to_owned())),
                );
            }
        })
    });
    let (mut ids, mut whole) = (Vec::new(), Slice::default());
    for task in futures_util::future::join_all(tasks).await {
        let (some, part) = task.expect("a client");
        ids.extend(some);
        whole.failed += part.failed;
        whole.latencies.extend(part.latencies);
    }
    ids.sort_unstable();
    (ids.into_iter().map(|(_, id)| id).collect(), whole)
}
