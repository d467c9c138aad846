//! The bare peer of the HTTP comparison: the same framework, the same bytes, nothing else.
//!
//! `bench-http FILE CONTENT-TYPE` serves the file's bytes at `/` on a free loopback port, which it prints first. It has the
//! same allocator, runtime and framework as Nameplate, so what differs is Nameplate's own work.

#![expect(clippy::print_stdout, reason = "the port is the one thing its caller needs to know")]

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("name the file whose bytes to serve")?;
    let content_type: &'static str =
        Box::leak(arguments.next().context("name the content type")?.into_boxed_str());
    let bytes = Bytes::from(std::fs::read(&file).with_context(|| format!("cannot read `{file}`"))?);
    let answer = move || async move { ([(CONTENT_TYPE, content_type)], bytes.clone()) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/", get(answer))).await?;
    Ok(())
}
