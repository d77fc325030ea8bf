//! The output of a task: copies of its input with the preset's names, one for each rendition, and the server and client
//! manifests that a real encoder would write.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::asset_container::place;
use super::super::files;
use super::super::service::Service;
use super::manifests::{self, Track};
use super::presets::{AUDIO_KBPS, Preset};
use crate::emulator::media_account::schema::{ASSETS, FILES};
use crate::emulator::media_account::store::{Row, State};
use crate::emulator::media_account::value::Value;
use crate::emulator::mp4::Layout;
use crate::emulator::storage::{Content, NewBlob, StorageError};
use crate::emulator::storage_account::StorageAccount;

/// Why a task failed, for its `ErrorDetails`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) code: String,
    pub(super) message: String,
}

impl Failed {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: "ErrorExecutingTask".to_owned(), message: message.into() }
    }
}

impl From<StorageError> for Failed {
    fn from(error: StorageError) -> Self {
        Self::new(error.to_string())
    }
}

/// A task that is ready to run.
#[derive(Debug)]
pub(super) struct Work {
    preset: Preset,
    storage: String,
    container: String,
    /// The blob that is encoded.
    name: String,
    length: u64,
    /// How long it plays.
    pub(super) seconds: f64,
}

/// The assumed bytes per second of an input without a duration: four megabits.
const BYTES_OF_A_SECOND: u64 = 500_000;

/// Determines the input and the preset.
pub(super) async fn prepare(service: Service<'_>, configuration: &str, inputs: &[Arc<str>]) -> Result<Work, Failed> {
    let preset = Preset::of(configuration)
        .ok_or_else(|| Failed::new(format!("There is no preset named '{}'.", configuration.trim())))?;
    let ((storage, container), name) = {
        let state = service.state();
        let asset = inputs.first().and_then(|input| state.get(&ASSETS, input));
        let asset = asset.ok_or_else(|| Failed::new("The input asset is gone."))?;
        let name = input_file(&state, asset).ok_or_else(|| Failed::new("The input asset has no file to encode."))?;
        (place(asset), name)
    };
    let account = account(service, &storage)?;
    let (blob, _) = account.read_blob(&container, &name, 0, 0).await?;
    let stated = Layout::read(account, &container, &name).await?.seconds;
    #[expect(clippy::cast_precision_loss, reason = "a number of seconds is small")]
    let seconds = stated.unwrap_or((blob.length / BYTES_OF_A_SECOND).max(1) as f64);
    Ok(Work { preset, storage, container, name, length: blob.length, seconds })
}

/// The file of an asset that is encoded: its primary one, its only one, or the largest one in its server manifest.
fn input_file(state: &State, asset: &Row) -> Option<String> {
    let is_manifest = |file: &&Row| {
        let ending = file.text("Name").rsplit('.').next().unwrap_or_default();
        ["ism", "ismc"].iter().any(|manifest| ending.eq_ignore_ascii_case(manifest))
    };
    let files: Vec<&Row> = state.find(&FILES, "ParentAssetId", asset.key()).collect();
    let primary = match files.as_slice() {
        [only] => Some(*only),
        several => several.iter().copied().find(|f| f.flag("IsPrimary")),
    }?;
    let file = if is_manifest(&primary) {
        let size = |f: &&Row| {
            if let Value::Long(n) = f.get("ContentFileSize") { *n } else { 0 }
        };
        files.into_iter().filter(|f| !is_manifest(f)).max_by_key(size)?
    } else {
        primary
    };
    Some(file.text("Name").to_owned())
}

fn account<'w>(service: Service<'w>, name: &str) -> Result<&'w Arc<StorageAccount>, Failed> {
    service.storage(name).map_err(|error| Failed::new(error.message))
}

/// Fills an output asset and records its files, with the server manifest as the primary one.
pub(super) async fn make(service: Service<'_>, work: &Work, output: &str) -> Result<(), Failed> {
    let home = service.state().get(&ASSETS, output).map(place);
    let (storage, container) = home.ok_or_else(|| Failed::new("The output asset is gone."))?;
    let (from, to) = (account(service, &work.storage)?, account(service, &storage)?);
    let file = work.name.rsplit('/').next().unwrap_or(&work.name);
    let base = file.rsplit_once('.').map_or(file, |(base, _)| base);
    let mut tracks = Vec::new();
    for rendition in work.preset.renditions {
        let name = work.preset.file_name(base, *rendition);
        if work.storage == storage {
            to.copy_within((&work.container, &work.name), (&container, &name)).await?;
        } else {
            let (_, bytes) = from.read_blob(&work.container, &work.name, 0, work.length).await?;
            to.put_blob(&container, &name, new_blob(Content::Bytes(bytes), &name)).await?;
        }
        tracks.push(Track { file: name, bitrate: rendition.kbps * 1000, size: (rendition.width, rendition.height) });
    }
    let (server, client) = (format!("{base}.ism"), format!("{base}.ismc"));
    let audio = AUDIO_KBPS * 1000;
    for (name, text) in [
        (&client, manifests::client(&tracks, audio, work.seconds)),
        (&server, manifests::server(&client, &tracks, audio)),
    ] {
        to.put_blob(&container, name, new_blob(Content::Bytes(text.into()), name)).await?;
    }
    Ok(files::seed(service, output, Some(&server)).await?)
}

fn new_blob(content: Content, name: &str) -> NewBlob {
    NewBlob {
        content,
        content_type: files::mime_type(name).map(str::to_owned),
        cache_control: None,
        metadata: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}
