//! The entity types of the filters of dynamic packaging. Filters of the account have their names as keys.

use super::kind::Access::{Free, Once, Server};
use super::kind::{Kind, list, object, property};
use crate::emulator::media_account::value::Type::Text;

const TIME_RANGE: &str = "Microsoft.Cloud.Media.Vod.Rest.Data.Models.PresentationTimeRange";
const TRACKS: &str = "Microsoft.Cloud.Media.Vod.Rest.Data.Models.FilterTrackSelect";
const FIRST_QUALITY: &str = "Microsoft.Cloud.Media.Vod.Rest.Data.Models.FirstQuality";

/// `Filters`.
pub(crate) static FILTERS: Kind = Kind {
    index: 15,
    set: "Filters",
    name: "Filter",
    id: "",
    since: 11,
    wide: true,
    properties: &[
        property("Name", Text, Once).required(),
        property("PresentationTimeRange", object(TIME_RANGE), Free),
        property("Tracks", list(TRACKS), Free),
        property("FirstQuality", object(FIRST_QUALITY), Free),
    ],
    navs: &[],
    indexed: &[],
};

/// `AssetFilters`.
pub(crate) static ASSET_FILTERS: Kind = Kind {
    index: 16,
    set: "AssetFilters",
    name: "AssetFilter",
    id: "",
    since: 11,
    wide: true,
    properties: &[
        property("Id", Text, Server),
        property("ParentAssetId", Text, Once).required(),
        property("Name", Text, Once).required(),
        property("PresentationTimeRange", object(TIME_RANGE), Free),
        property("Tracks", list(TRACKS), Free),
        property("FirstQuality", object(FIRST_QUALITY), Free),
    ],
    navs: &[],
    indexed: &["ParentAssetId"],
};
