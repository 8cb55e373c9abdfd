//! A service of somebody else's, on a port of its own: notes what it is asked, and answers by a function.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

/// A question.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    /// As it was sent.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub struct Fake {
    asked: Mutex<Vec<Asked>>,
    pub url: String,
}

impl Fake {
    /// `answer` is asked about every request; what it panics about is seen as an answer of 500.
    pub async fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Arc::new(Self { asked: Mutex::default(), url });
        let (noting, answer) = (fake.clone(), Arc::new(answer));
        let handle = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let (noting, answer) = (noting.clone(), answer.clone());
            async move {
                let query = uri.query().unwrap_or_default().to_owned();
                let asked = Asked { method, path: uri.path().to_owned(), query, headers, body };
                noting.asked.lock().unwrap().push(asked.clone());
                let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answer(&asked)));
                answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
            }
        };
        let router = Router::new().fallback(handle);
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// `GET /path?query` of each question.
    pub fn lines(&self) -> Vec<String> {
        let line = |asked: &Asked| match asked.query.as_str() {
            "" => format!("{} {}", asked.method, asked.path),
            query => format!("{} {}?{query}", asked.method, asked.path),
        };
        self.asked().iter().map(line).collect()
    }
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    /// One parameter of the query, decoded.
    pub fn param(&self, name: &str) -> Option<String> {
        form(&self.query).into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

/// `application/x-www-form-urlencoded`, decoded.
pub fn form(text: &str) -> Vec<(String, String)> {
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (decoded(n), decoded(v))).collect()
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}
