//! Creates things that must not be created twice: if the answer is lost, it searches for the result before creating it
//! again.

use std::future::Future;
use std::time::Duration;

use crate::call::Caller;
use crate::error::Error;

/// How often a possible result is searched before it is created again: a second one cannot be undone.
const LOOKS: u32 = 2;
/// How long the service's listings may lag behind (guess).
const LAG: Duration = Duration::from_secs(2);

/// Creates something once, with the retries of the caller's policy. `look` finds the result of an attempt whose answer
/// was lost.
pub(super) async fn create_once<T, Create, Look>(
    caller: &Caller,
    create: impl Fn() -> Create,
    look: impl Fn() -> Look,
) -> Result<T, Error>
where
    Create: Future<Output = Result<T, Error>>,
    Look: Future<Output = Result<Option<T>, Error>>,
{
    let mut round = 1;
    loop {
        let error = match create().await {
            Err(Error::Call(error)) if error.failure.ambiguous() => error,
            result => return result,
        };
        for number in 1..=LOOKS {
            if let Some(made) = look().await? {
                return Ok(made);
            }
            if number < LOOKS {
                tokio::time::sleep(LAG).await;
            }
        }
        if !caller.wait_before_retry(round).await {
            return Err(error.into());
        }
        round += 1;
    }
}
