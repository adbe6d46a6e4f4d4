//! The binary: everything is in the library, where fuzz targets reach it too.

fn main() -> std::process::ExitCode {
    virtual_host_gatherer::main()
}
