//! Access tokens: how they are requested, kept and renewed, for the media API and for storage accounts alike.
//!
//! The token client is our own, and not `azure_identity`. That crate refuses a token service that is reached by http,
//! even on loopback, so that tests could not replace it; its address of a virtual machine's identity service is a
//! constant; it reads certificates with OpenSSL; it cannot sign in with the environment's variables; and its requests
//! would bypass the allow-list, the memory limits and the one retry loop. Our own client only needs one request per way
//! to sign in, and one cache ([`Tokens`]).
//!
//! A secret, an assertion or a token is sent in the body or in a header of a request, never in a URL, and
//! [`crate::redact`] masks it while it exists.

mod answer;
mod assertion;
mod azure_cli;
mod endpoint;
mod managed;
#[cfg(test)]
mod tests;
mod token;
mod tokens;
mod ways;

pub use token::Token;
pub use tokens::Tokens;
