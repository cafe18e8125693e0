//! A web server on this machine that misbehaves as told, and remembers what it was asked.
#![allow(dead_code)] // Each test file uses what it needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    /// The first byte asked for by `Range`.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What happens after the answer was sent.
#[derive(Clone, Copy)]
pub enum Then {
    Close,
    /// The connection stays open and silent.
    Hang,
    /// The body is sent again and again.
    Repeat,
}

pub struct Reply {
    head: String,
    body: Vec<u8>,
    then: Then,
}

impl Reply {
    /// With `Content-Length`.
    pub fn whole(body: &[u8]) -> Reply {
        Reply::new("200 OK", &format!("Content-Length: {}\r\n", body.len()), body)
    }
    /// The rest of `body` from the byte that was asked for, or all of it.
    pub fn part(asked: &Asked, body: &[u8]) -> Reply {
        let Some(from) = asked.from() else { return Reply::whole(body) };
        let (rest, last, total) = (&body[from..], body.len() - 1, body.len());
        let headers = format!("Content-Length: {}\r\nContent-Range: bytes {from}-{last}/{total}\r\n", rest.len());
        Reply::new("206 Partial Content", &headers, rest)
    }
    /// `headers` are whole lines.
    pub fn new(status: &str, headers: &str, body: &[u8]) -> Reply {
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
        Reply { head, body: body.to_vec(), then: Then::Close }
    }
    /// Sends no more of the body than this.
    pub fn cut(mut self, length: usize) -> Reply {
        self.body.truncate(length);
        self
    }
    pub fn then(mut self, then: Then) -> Reply {
        self.then = then;
        self
    }
}

pub struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Answers each request as `answer` says; its first argument counts requests from 0.
    pub fn start(answer: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let (all, stop, answer) = (asked.clone(), ended.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (all, answer) = (all.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &all, &*answer));
            }
        });
        Server { address, asked, ended }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Asked>>, answer: &(dyn Fn(usize, &Asked) -> Reply + Send + Sync)) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let headers = lines.take_while(|l| !l.is_empty());
    let headers = headers.filter_map(|l| l.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()))).collect();
    let asked = Asked { method: words.next().unwrap(), path: words.next().unwrap(), headers };
    let number = {
        let mut all = all.lock().unwrap();
        all.push(asked.clone());
        all.len() - 1
    };
    let reply = answer(number, &asked);
    let body: &[u8] = if asked.method == "HEAD" { &[] } else { &reply.body };
    // A client that hung up has heard enough.
    let sent = stream.write_all(reply.head.as_bytes()).and_then(|()| stream.write_all(body));
    match reply.then {
        Then::Close => {}
        Then::Hang => drop(stream.read(&mut [0; 1])),
        Then::Repeat => {
            let mut going = sent;
            while going.is_ok() {
                going = stream.write_all(body);
            }
        }
    }
}
