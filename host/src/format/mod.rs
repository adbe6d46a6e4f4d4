//! Formats: pure functions from the inventory to what is printed.
