//! Tests of the `pima` program itself, run in temporary folders.

// Input that cannot be used.
mod bad_input;
// The other commands.
mod commands;
// The program and its experiments.
mod harness;
mod infer;
// Reading a run from Python.
mod python;
// One page of a run.
mod report;
// Runs that are cut short and go on.
mod resume;
// Event files for TensorBoard.
mod tensorboard;
// A run from beginning to end.
mod train;
