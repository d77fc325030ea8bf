//! A connection that a fault can end within an answer: it sends a number of bytes more, then it is reset.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// No end in sight.
const WHOLE: usize = usize::MAX;

/// A connection that its [`Shears`] can cut.
#[derive(Debug)]
pub(super) struct Severable {
    stream: TcpStream,
    left: Arc<AtomicUsize>,
}

/// Ends a connection.
#[derive(Debug, Clone)]
pub(super) struct Shears(Arc<AtomicUsize>);

impl Shears {
    /// Cuts the connection after that number of bytes.
    pub(super) fn cut(&self, after: usize) {
        self.0.store(after, Ordering::Release);
    }
}

impl Severable {
    /// A connection and its shears.
    pub(super) fn new(stream: TcpStream) -> (Self, Shears) {
        let left = Arc::new(AtomicUsize::new(WHOLE));
        (Self { stream, left: Arc::clone(&left) }, Shears(left))
    }

    /// Ends it with a reset (RST) instead of an orderly end, and returns an error to hyper, so that it writes nothing
    /// more.
    fn sever(&self) -> Error {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "the connection will end in order instead of being reset");
        }
        Error::new(ErrorKind::ConnectionReset, "cut off by a fault")
    }
}

impl AsyncRead for Severable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Severable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let left = self.left.load(Ordering::Acquire);
        if left == WHOLE {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        if left == 0 {
            return Poll::Ready(Err(self.sever()));
        }
        let sent = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..left.min(bytes.len())]))?;
        self.left.store(left - sent, Ordering::Release);
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
