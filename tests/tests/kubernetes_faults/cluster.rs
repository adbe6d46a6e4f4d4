//! The same faults in front of a real API server, and what happens to its nodes meanwhile.
