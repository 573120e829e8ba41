//! A whole server in this process, over its real sockets.

mod mail;
mod notices;
mod receiver;
mod smtp;
mod stage;
