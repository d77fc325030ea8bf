//! The causes of `verify --play`, `--bytes`, `--settings` and `[blobs]`: code, class, sentence, remedy, in order of
//! code.

use super::table::{Entry, entry};
use super::{Cause, Class};

/// The causes about viewers, and about comparisons of bytes.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        Cause::BytesDiffer,
        "bytes-differ",
        Class::Failed,
        "a copy has other bytes than its source, although length and checksum are equal",
        "delete the blob on the target; the next `sync` copies it again",
    ),
    entry(
        Cause::BytesUnchecked,
        "bytes-unchecked",
        Class::Unchecked,
        "bytes could not be read on both sides, so it is not proven that they are equal",
        "correct what the detail names, then run `verify --bytes` again",
    ),
    entry(
        Cause::CorsDiffers,
        "cors-differs",
        Class::Failed,
        "pages of other sites can use it on one side only, or under other rules",
        "give the target's account or streaming host the same CORS rules as the source's",
    ),
    entry(
        Cause::ManifestNamesOtherHost,
        "manifest-names-other-host",
        Class::Failed,
        "a manifest names the host of one side, so viewers of the other side need that host, too",
        "write relative URLs into the manifest in the source, then run `sync`",
    ),
    entry(
        Cause::NoCacheControl,
        "no-cache-control",
        Class::Noted,
        "answers without Cache-Control: each cache decides itself how long it keeps them",
        "set Cache-Control on the blobs in the source or on the streaming hosts",
    ),
    entry(
        Cause::NotPlayableAtSource,
        "not-playable-at-source",
        Class::Noted,
        "viewers get the same refusal from the source and from the target",
        "correct the manifest or its file in the source, if it should play",
    ),
    entry(
        Cause::NothingSelected,
        "nothing-selected",
        Class::Unchecked,
        "`[blobs]` of the configuration leaves out every blob, so nothing was mirrored or compared",
        "correct `include` and `exclude`: a glob is matched against CONTAINER/BLOB",
    ),
    entry(
        Cause::PlayUnchecked,
        "play-unchecked",
        Class::Unchecked,
        "it is unknown whether it plays the same on both sides",
        "correct what the detail names, then run `verify --play` again",
    ),
    entry(
        Cause::PlaysDifferently,
        "plays-differently",
        Class::Failed,
        "viewers of the target get another answer than viewers of the source",
        "compare the blobs with `verify --bytes`, and the settings of the streaming hosts or caches by hand",
    ),
    entry(
        Cause::SettingsUnchecked,
        "settings-unchecked",
        Class::Unchecked,
        "stored access policies, CORS rules or the static website could not be read, so they were not compared",
        "sign in with the account's key or, with Entra ID, as Storage Account Contributor and Storage Blob Data Owner",
    ),
];
