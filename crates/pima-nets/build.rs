//! Links this crate's own tests and programs against libtorch so that they start without `LD_LIBRARY_PATH`.
//!
//! Shared by every package that makes an executable on top of `tch` (`build = "../pima-nets/build.rs"`): a linker argument reaches only the
//! package whose build script prints it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.to_string_lossy());
    }
    // libtorch registers its kernels from static initialisers that nothing names: keep the libraries.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
}
