//! Tests of the `pima` program itself, run in temporary folders.

// Input that cannot be used.
mod bad_input;
// The other commands.
mod commands;
// The program and its experiments.
mod harness;
mod infer;
// Runs that are cut short and go on.
mod resume;
// Many runs side by side.
mod sweep;
// A run from beginning to end.
mod train;
