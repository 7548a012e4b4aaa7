//! Files as the Python package `gguf` writes them, and as nobody should.

mod hostile;
mod recorded;
