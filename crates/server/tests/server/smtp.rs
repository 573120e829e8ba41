//! A fake mail server of these tests: speaks SMTP over TCP, with STARTTLS
//! where it is told to, and keeps the letters.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One letter as it came.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
    /// What the client proved itself with, undecoded.
    pub proof: Option<String>,
    pub encrypted: bool,
}

pub struct FakeMailServer {
    pub address: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl FakeMailServer {
    /// Takes letters; with a certificate, only after STARTTLS.
    pub fn new(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&letters);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, tls) = (Arc::clone(&kept), tls.clone());
                std::thread::spawn(move || welcome(stream.unwrap(), &kept, tls));
            }
        });
        Self { address, letters }
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }

    pub fn wait(&self, number: usize) -> Vec<Letter> {
        let started = Instant::now();
        while self.letters().len() < number {
            assert!(started.elapsed() < Duration::from_secs(60), "no {number} letters within a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.letters()
    }
}

fn welcome(mut stream: TcpStream, kept: &Mutex<Vec<Letter>>, tls: Option<Arc<rustls::ServerConfig>>) {
    stream.write_all(b"220 fake.example ESMTP\r\n").unwrap();
    let Some(tls) = tls else {
        return talk(stream, kept, false);
    };
    let mut plain = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if plain.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.split_whitespace().next().unwrap_or("").to_uppercase().as_str() {
            "EHLO" => stream.write_all(b"250-fake.example\r\n250 STARTTLS\r\n").unwrap(),
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").unwrap();
                let connection = rustls::ServerConnection::new(tls).unwrap();
                return talk(rustls::StreamOwned::new(connection, stream), kept, true);
            }
            "QUIT" => return,
            _ => stream.write_all(b"530 STARTTLS first\r\n").unwrap(),
        }
    }
}

fn talk(stream: impl Read + Write, kept: &Mutex<Vec<Letter>>, encrypted: bool) {
    let mut stream = BufReader::new(stream);
    let mut letter = Letter { encrypted, ..Letter::default() };
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_owned();
        let answer = match line.split([' ', ':']).next().unwrap_or("").to_uppercase().as_str() {
            "EHLO" if encrypted => "250-fake.example\r\n250 AUTH PLAIN\r\n",
            "EHLO" => "250 fake.example\r\n",
            "AUTH" => {
                letter.proof = Some(line.rsplit(' ').next().unwrap().to_owned());
                "235 welcome\r\n"
            }
            "MAIL" => {
                letter.from = line.clone();
                "250 ok\r\n"
            }
            "RCPT" => {
                letter.to.push(line.clone());
                "250 ok\r\n"
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n").unwrap();
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    if line == ".\r\n" {
                        break;
                    }
                    letter.text.push_str(&line);
                }
                let done = std::mem::replace(&mut letter, Letter { encrypted, ..Letter::default() });
                kept.lock().unwrap().push(done);
                "250 taken\r\n"
            }
            "QUIT" => {
                let _ = stream.get_mut().write_all(b"221 bye\r\n");
                return;
            }
            _ => "250 ok\r\n",
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
