//! `asset upload`: makes an asset from files of this machine.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use mediamirror::asset::{UploadOptions, Uploaded, upload};
use mediamirror::connect::Endpoint;
use mediamirror::model::{AssetEncryption, Side};
use mediamirror::monitor::{Monitor as _, RunEvent};

use super::super::context::Context;
use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::progress::Work;
use super::super::session::Session;
use super::super::signals::Interruption;
use super::failed;

/// Printed after the first Ctrl-C.
const STOPPED: &str = "stopped; run the same command again to resume it";

/// Arguments of `asset upload`.
#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    /// Files to upload, all into one asset
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Name of the asset; the name of the first file when not given
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How the files are already encrypted; mediamirror does not encrypt them
    #[arg(long, value_enum, value_name = "OPTIONS", default_value_t = Encryption::None)]
    pub(crate) options: Encryption,
}

/// The service's creation options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encryption {
    /// Not encrypted.
    None,
    /// MPEG common encryption.
    #[value(name = "common-encryption")]
    Common,
    /// Envelope (AES) encryption.
    Envelope,
    /// Refused, because such an asset cannot be mirrored.
    StorageEncrypted,
}

impl From<Encryption> for AssetEncryption {
    fn from(options: Encryption) -> Self {
        match options {
            Encryption::None => Self::None,
            Encryption::Common => Self::Common,
            Encryption::Envelope => Self::Envelope,
            Encryption::StorageEncrypted => Self::Storage,
        }
    }
}

/// Runs the command.
pub(super) async fn run(context: &Context, side: Side, args: &UploadArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let interruption = Interruption::listen(&context.screen, STOPPED)?;
    let options = UploadOptions { name: args.name.clone(), encryption: args.options.into() };
    let uploaded = tokio::select! {
        uploaded = uploaded(context, session.account(side), &args.files, &options) => uploaded?,
        () = interruption.stop.cancelled() => return Ok(interruption.code()),
    };
    context.printer.result(&uploaded, || text(&uploaded))?;
    Ok(ExitCode::Success)
}

/// One upload, with its progress on the screen.
pub(crate) async fn uploaded(
    context: &Context,
    account: &Endpoint,
    files: &[PathBuf],
    options: &UploadOptions,
) -> Result<Uploaded, CommandFailure> {
    let progress = context.screen.start_on("upload", Work::Upload, account.lanes.clone());
    progress.event(RunEvent::ListingFinished { side: Side::Source, assets: 1 });
    let uploaded = upload(account, files, options, &progress).await;
    progress.finish();
    uploaded.map_err(|error| failed(&error, true))
}

/// The result for people.
fn text(uploaded: &Uploaded) -> String {
    let mut text = format!("{}\n  id        {}\n  container {}\n", uploaded.name, uploaded.id, uploaded.container);
    for file in &uploaded.files {
        let primary = if file.primary { ", primary" } else { "" };
        let there = match file.there {
            0 => String::new(),
            there => format!(", {} of it already uploaded", ByteSize(there)),
        };
        let size = ByteSize(file.bytes);
        let _ =
            writeln!(text, "  file      {}: {size}, {}{primary}, MD5 {}{there}", file.name, file.mime_type, file.md5);
    }
    text
}
