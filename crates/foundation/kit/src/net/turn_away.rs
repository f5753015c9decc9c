//! What a connection over the limit gets: a refusal in its protocol, and its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Connections being turned away at once; any beyond are closed without a word.
const AT_ONCE_MAX: usize = 64;
/// What a peer may still send until it has read the answer.
const LEFT_OVER_BYTES_MAX: u64 = 64 * 1024;
const TIME_MAX: Duration = Duration::from_secs(1);

pub(super) struct TurnAway {
    /// None under TLS, where an answer would cost the handshake that the limit is to save.
    answer: Option<Arc<[u8]>>,
    places: Arc<Semaphore>,
}

impl TurnAway {
    pub(super) fn new(refusal: Vec<u8>, is_tls: bool) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        Self { answer: (!is_tls).then(|| refusal.into()), places }
    }

    pub(super) fn answer(&self, stream: TcpStream) {
        let Some(answer) = self.answer.clone() else { return };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        tokio::spawn(async move {
            // A failure is the peer's hanging up, which is what is wanted of it.
            let _ = tokio::time::timeout(TIME_MAX, tell(stream, &answer)).await;
            drop(place);
        });
    }
}

async fn tell(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    // Closing with bytes unread resets the connection, and the peer would lose the answer.
    let mut left_over = stream.take(LEFT_OVER_BYTES_MAX);
    let mut buffer = [0; 1024];
    while left_over.read(&mut buffer).await? > 0 {}
    Ok(())
}
