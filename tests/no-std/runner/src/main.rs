//! Runs the WebAssembly module of palinode-no-std and exits with its status.
//!
//! `cargo run --release -p palinode-no-std-runner -- MODULE.wasm`

use std::process::exit;

use anyhow::{Context, Result};
use wasmi::{Engine, Error, ExternType, Linker, Module, Store};

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: palinode-no-std-runner MODULE.wasm")?;
    let engine = Engine::default();
    let module = Module::new(&engine, std::fs::read(&path).with_context(|| format!("can't read {path}"))?)?;
    let mut linker = Linker::new(&engine);
    // burn's dependencies declare a few functions of JavaScript. There is no JavaScript: to call one is an error.
    for import in module.imports() {
        if let ExternType::Func(signature) = import.ty() {
            let refusal = format!("the module called its host: {}", import.name());
            linker
                .func_new(import.module(), import.name(), signature.clone(), move |_, _, _| Err(Error::new(refusal.clone())))?;
        }
    }
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let status = instance.get_typed_func::<(), u32>(&store, "_start")?.call(&mut store, ())?;
    exit(i32::try_from(status)?)
}
