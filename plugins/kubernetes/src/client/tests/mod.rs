//! The client against small servers of this process: what becomes of lists, and of ways in.

mod access;
mod lists;
