//! The accept loop over real sockets: slow clients are let go, and a stop lets requests finish.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use web::Limits;

use crate::house::House;

async fn start(
    limits: Limits,
) -> (House, std::net::SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<std::io::Result<()>>) {
    let house = House::with(limits.clone()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(web::serve(listener, house.site.clone(), limits, async {
        let _ = stopped.await;
    }));
    (house, address, stop, serving)
}

async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_client_that_sends_no_head_or_no_body_is_let_go() {
    let limits = Limits {
        head_read_timeout: Duration::from_millis(150),
        body_read_timeout: Duration::from_millis(150),
        ..Limits::default()
    };
    let (house, address, stop, serving) = start(limits).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut rest)).await.unwrap().unwrap();

    let request = format!(
        "PUT /v1/accounts/demo/ann HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        house.keys["ingest"]
    );
    let answer = tokio::time::timeout(Duration::from_secs(5), ask(address, &request)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drop(stop);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_connection_bound_holds_and_gives_back() {
    let limits =
        Limits { connections_max: 4, head_read_timeout: Duration::from_millis(200), ..Limits::default() };
    let (_house, address, stop, serving) = start(limits).await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    // All slots are taken by clients that say nothing; once they are let go, an honest one gets its turn.
    let asked = ask(address, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(stop);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let (_house, address, stop, serving) = start(Limits::default()).await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    let answer = ask(address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    drop(stop);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_ends() {
    let (_house, address, stop, serving) = start(Limits::default()).await;
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    drop(stop);
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
