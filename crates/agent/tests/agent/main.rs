//! The agent as a real process, against a server and a helper made here.

mod apply;
mod certificates;
mod hub;
mod killed;
mod real;
mod stage;
mod talk;
mod trust;
