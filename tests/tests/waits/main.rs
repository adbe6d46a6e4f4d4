//! Every wait ends: for processes that the kernel keeps, for orphans, for input that does not end; and
//! where the machine gives few threads and descriptors, there is a result or a sentence.

mod few;
mod kernel;
mod orphans;
mod reading;
