//! `palinode completions` and `palinode man`: the command line for shells and readers of manuals.

use std::{fs, path::PathBuf};

use clap::Args;

use super::{Failure, failure::INPUT, output};

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder [default: the first page, to standard output]
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut command: clap::Command) -> Result<(), Failure> {
    let mut text = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut text);
    output::emit(&text)
}

pub(crate) fn man(args: &ManArgs, command: clap::Command) -> Result<(), Failure> {
    let Some(folder) = &args.folder else {
        let mut text = Vec::new();
        let failure = |error: std::io::Error| Failure::new(INPUT, error.to_string());
        clap_mangen::Man::new(command).render(&mut text).map_err(failure)?;
        return output::emit(&text);
    };
    let failure = |error: std::io::Error| Failure::new(INPUT, format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failure)?;
    clap_mangen::generate_to(command, folder).map_err(failure)?;
    anstream::eprintln!("{}: manual pages; read one with: man -l {}", folder.display(), folder.join("palinode.1").display());
    Ok(())
}
