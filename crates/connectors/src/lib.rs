//! Other platforms' events become commands.
