use clap::CommandFactory as _;
use mediamirror::config::{Limits, Policy};
use mediamirror::engine::Order;
use mediamirror::model::CopyMethod;

use super::global::Output;
use super::*;

fn sync(arguments: &[&str]) -> Result<MirrorArgs, clap::Error> {
    let all = ["mediamirror", "sync"].iter().chain(arguments);
    Cli::try_parse_from(all).map(|cli| match cli.command {
        Command::Sync(args) => args.mirror,
        other => panic!("not a sync: {other:?}"),
    })
}

#[test]
fn the_command_tree_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn globs_select_assets_by_name() {
    let args = sync(&["--include", "news*", "--include", "sport*", "--exclude", "*draft*"]).unwrap();
    let options = args.options(&Policy::default());
    let (include, exclude) = (options.include.unwrap(), options.exclude.unwrap());
    assert!(include.is_match("news 1") && include.is_match("sport 2") && !include.is_match("film"));
    assert!(exclude.is_match("a draft b") && !exclude.is_match("final"));
    assert!(sync(&["--include", "a[b"]).unwrap_err().to_string().contains("a[b"));
}

#[test]
fn no_glob_means_the_whole_library() {
    let options = sync(&[]).unwrap().options(&Policy::default());
    assert!(options.include.is_none() && options.exclude.is_none() && !options.dry_run);
}

#[test]
fn limits_on_the_command_line_apply_to_storage_accounts() {
    let args = sync(&["--requests-per-second", "500", "--max-in-flight", "7", "--bytes-per-second", "2KiB"]).unwrap();
    let limits = args.scope.overrides().over(Limits::default());
    assert_eq!(limits.blob.requests_per_second.map(NonZeroU64::get), Some(500));
    assert_eq!(limits.blob.in_flight, 7);
    assert_eq!(limits.blob.bytes_per_second.map(NonZeroU64::get), Some(2048));
    assert_eq!(limits.media, Limits::default().media);
}

#[test]
fn a_limit_of_zero_is_refused() {
    for flag in ["--requests-per-second", "--max-in-flight", "--bytes-per-second", "--pending-copies"] {
        assert!(sync(&[flag, "0"]).is_err(), "{flag} 0 must be refused");
    }
}

#[test]
fn every_order_has_a_name_and_the_default_is_that_of_the_listing() {
    assert_eq!(sync(&[]).unwrap().options(&Policy::default()).order, Order::Listed);
    for (text, order) in
        [("newest", Order::Newest), ("largest", Order::Largest), ("smallest", Order::Smallest), ("name", Order::Name)]
    {
        assert_eq!(sync(&["--order", text]).unwrap().options(&Policy::default()).order, order);
    }
    assert!(sync(&["--order", "random"]).is_err());
}

#[test]
fn every_copy_method_has_a_name() {
    for (text, method) in [
        ("auto", None),
        ("async", Some(CopyMethod::Async)),
        ("put", Some(CopyMethod::Put)),
        ("blocks", Some(CopyMethod::Blocks)),
    ] {
        assert_eq!(sync(&["--copy-method", text]).unwrap().options(&Policy::default()).copy_method, method);
    }
}

#[test]
fn the_configuration_and_the_output_have_short_flags_before_and_after_the_command() {
    for arguments in [["-c", "a.toml", "-o", "json", "urls"], ["urls", "-c", "a.toml", "-o", "json"]] {
        let cli = Cli::try_parse_from(["mediamirror"].iter().chain(&arguments)).unwrap();
        assert_eq!((cli.global.config.to_str(), cli.global.output), (Some("a.toml"), Output::Json));
    }
}
