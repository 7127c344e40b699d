//! hyper as its fast users set it up: responses to pipelined requests leave together, no timers.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{MESSAGE, PLAINTEXT};

pub(super) async fn serve(stream: TcpStream) {
    // A connection that ends with an error ends; nobody reads a log here.
    let _ = hyper::server::conn::http1::Builder::new()
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.uri().path() {
        "/plaintext" => response("text/plain", Bytes::from_static(PLAINTEXT)),
        "/json" => match serde_json::to_vec(&MESSAGE) {
            Ok(content) => response("application/json", content.into()),
            Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
        },
        _ => status(StatusCode::NOT_FOUND),
    })
}

/// Date and Content-Length are hyper's own; with Server the octets are as many as falconry's.
fn response(content_type: &'static str, content: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(content));
    let fields = response.headers_mut();
    fields.insert(SERVER, HeaderValue::from_static("rs-hyper"));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
