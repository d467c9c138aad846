//! The pack language: parse, check, evaluate, explain. Sees counts and flags, never a person.
