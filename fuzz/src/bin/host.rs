//! Fuzz targets of the crate virtual_host_gatherer.
#![no_main]

gatherer_fuzz::fuzz_main!(virtual_host_gatherer::fuzzing::TARGETS);
