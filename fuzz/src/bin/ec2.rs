//! Fuzz targets of the crate gatherer_plugin_ec2.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_ec2::fuzzing::TARGETS);
