//! The `pima` program. Here alone it is decided how the process ends.

// What the user typed.
mod args;
// What each command does.
mod commands;
// How a command fails, and the exit code that goes with it.
mod failure;
// What experts identified of single specimens.
mod identified;
// Ctrl-C.
mod interrupt;
// How large tensors are allocated, and how much memory that took.
mod memory;
// Results that need not fit into memory.
mod npz_stream;
// The dataset of an experiment.
mod prepare;
// What is shown while training goes.
mod progress;
// From events of the training to the run directory.
mod recorder;
// The results on the screen.
mod result_table;
// From evaluations to the summary and the predictions.
mod results;
// Aligned text.
mod table;
// TensorBoard's event files.
mod tensorboard;

use std::process::ExitCode;

use interrupt::{Interrupt, Next};

fn main() -> ExitCode {
    memory::keep_large_blocks();
    let command = match args::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(answer) => return failure::answer(&answer),
    };
    let interrupt = Interrupt::default();
    let signals = interrupt.clone();
    let handler = ctrlc::set_handler(move || match signals.signalled() {
        Next::Save => eprintln!("\nstopping after this batch, with a checkpoint; once more to quit at once"),
        Next::Quit => interrupt::quit(failure::INTERRUPTED),
    });
    if let Err(error) = handler {
        eprintln!("note: Ctrl-C will not save a checkpoint ({error})");
    }
    match commands::run(command, &interrupt) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
