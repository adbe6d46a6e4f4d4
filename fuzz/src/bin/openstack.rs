//! Fuzz targets of the crate gatherer_plugin_openstack.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_openstack::fuzzing::TARGETS);
