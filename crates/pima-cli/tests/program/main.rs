//! Tests of the `pima` program itself, run in temporary folders.

// A scientist's own files that cannot be used.
mod bad_data;
// Input that cannot be used.
mod bad_input;
// The other commands.
mod commands;
// The program and its experiments.
mod harness;
mod infer;
// Configurations for what lies in a folder.
mod init;
mod lattices;
// A scientist's own files.
mod own_data;
// Reading a run from Python.
mod python;
// One page of a run.
mod report;
// Runs that are cut short and go on.
mod resume;
// Many runs side by side.
mod sweep;
// Event files for TensorBoard.
mod tensorboard;
// A run from beginning to end.
mod train;
