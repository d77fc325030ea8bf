//! Only a part of an account's blobs is mirrored.

use globset::{Glob, GlobSet, GlobSetBuilder};
use mediamirror::engine::Outcome;
use mediamirror::model::{Archived, LeftOut, PublicAccess, Selection};

use super::containers::{open, open_world, opened};
use super::{expected, fill, mirrored, world};
use crate::world::World;

fn globs(globs: &[&str]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(Glob::new(glob).unwrap());
    }
    builder.build().unwrap()
}

/// The blobs of all containers of the target, also those that are left out.
async fn all_mirrored(world: &mut World) -> Vec<(String, Vec<String>)> {
    let selection = std::mem::take(&mut world.config.blobs.selection);
    let all = mirrored(world).await;
    world.config.blobs.selection = selection;
    all
}

const LEFT_OUT: LeftOut = LeftOut { by_path: 2, archived: 0 };

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_blobs_that_match_the_globs_are_mirrored_and_compared() {
    let mut world = world().await;
    fill(&world, "films", &["a.ts", "a.tmp", "drafts/b.ts", "c.ts"]).await;
    let exclude = Some(globs(&["*.tmp", "films/drafts/*"]));
    world.config.blobs.selection = Selection { exclude, ..Selection::default() };
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.left_out), (Outcome::Complete, LEFT_OUT), "{:?}", summary.problems);
    assert_eq!(all_mirrored(&mut world).await, expected(&[("films", &["a.ts", "c.ts"])]));
    let verification = world.verify().await;
    assert_eq!((verification.assets.same, verification.left_out), (1, LEFT_OUT), "{:?}", verification.problems);
    let (summary, _) = world.sync().await;
    assert_eq!((summary.assets.unchanged, summary.left_out), (1, LEFT_OUT), "{:?}", summary.problems);

    // The target's excluded blobs are not compared, and do not count as blobs that only the target has.
    world.config.blobs.selection = Selection::default();
    assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
    world.config.blobs.selection = Selection { include: Some(globs(&["films/a.*"])), ..Selection::default() };
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.kept.blobs, summary.left_out.by_path), (Outcome::Complete, 0, 2));
    assert_eq!(all_mirrored(&mut world).await, expected(&[("films", &["a.tmp", "a.ts", "c.ts", "drafts/b.ts"])]));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_container_whose_blobs_are_all_excluded_is_not_reported_as_empty_or_lost() {
    let mut world = open_world().await;
    fill(&world, "films", &["a.ts"]).await;
    fill(&world, "series", &["b.ts"]).await;
    open(&world, "films", Some(PublicAccess::Blobs)).await;
    for first in [true, false] {
        world.config.blobs.selection = Selection { exclude: Some(globs(&["films/*"])), ..Selection::default() };
        let (summary, _) = world.sync().await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        assert_eq!(opened(&world, "films").await, Some(PublicAccess::Blobs));
        assert_eq!(all_mirrored(&mut world).await[0].1.is_empty(), first);
        world.config.blobs.selection = Selection::default();
        world.sync().await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn archived_blobs_have_a_cause_or_are_left_out_and_are_copied_when_readable() {
    let mut world = world().await;
    fill(&world, "films", &["a.ts", "old.ts"]).await;
    let account = world.config.source.account.clone();
    assert!(world.emulator.archive(&account, "films", "old.ts"));
    let (summary, _) = world.sync().await;
    let causes: Vec<&str> = summary.problems.iter().map(|problem| problem.finding.cause.code()).collect();
    assert_eq!((summary.outcome, causes.as_slice()), (Outcome::Partial, &["archived-in-source"][..]));

    world.config.blobs.selection = Selection { archived: Archived::Skip, ..Selection::default() };
    for changed in [1, 0] {
        let (summary, _) = world.sync().await;
        let left_out = LeftOut { by_path: 0, archived: 1 };
        assert_eq!((summary.outcome, summary.left_out), (Outcome::Complete, left_out), "{:?}", summary.problems);
        assert_eq!((summary.assets.mirrored, summary.assets.unchanged), (changed, 1 - changed));
        assert_eq!(mirrored(&world).await, expected(&[("films", &["a.ts"])]));
        assert_eq!(world.verify().await.left_out, left_out);
    }
    assert!(world.emulator.delete_blob(&account, "films", "old.ts"));
    assert!(world.emulator.put_blob(&account, "films", "old.ts", vec![7; 70], None));
    let (summary, _) = world.sync().await;
    assert_eq!((summary.outcome, summary.left_out), (Outcome::Complete, LeftOut::default()), "{:?}", summary.problems);
    assert_eq!(mirrored(&world).await, expected(&[("films", &["a.ts", "old.ts"])]));
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn globs_that_exclude_every_blob_never_end_with_zero() {
    let mut world = world().await;
    fill(&world, "films", &["a.ts"]).await;
    for mirrored in [false, true] {
        if mirrored {
            world.config.blobs.selection = Selection::default();
            assert_eq!(world.sync().await.0.outcome, Outcome::Complete);
        }
        world.config.blobs.selection = Selection { include: Some(globs(&["flims/*"])), ..Selection::default() };
        let (summary, _) = world.sync().await;
        let causes: Vec<&str> = summary.findings.iter().map(|finding| finding.cause.code()).collect();
        assert_eq!((summary.outcome, causes.as_slice()), (Outcome::Partial, &["nothing-selected"][..]));
        assert_eq!(world.verify().await.verdict, Outcome::Partial);
    }
}
