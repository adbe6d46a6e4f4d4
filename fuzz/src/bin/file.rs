//! Fuzz targets of the crate gatherer_plugin_file.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_file::fuzzing::TARGETS);
