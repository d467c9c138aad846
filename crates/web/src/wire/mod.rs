//! What goes over the wire: words, ids and the bodies of requests and answers.

pub(crate) mod words;
