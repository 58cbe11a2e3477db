//! A TCP proxy on 127.0.0.1 that makes the network between a client and a server bad: slow, silent, refusing, cut.
//!
//! It needs no privilege and knows no protocol but TCP: with TLS through it, patterns see nothing.

mod fault;
mod link;
mod listener;

pub use fault::Direction;
pub use listener::Proxy;
