//! The HTTP API and the pages: parse, call, render.
