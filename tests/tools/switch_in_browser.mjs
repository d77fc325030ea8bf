// Plays an HLS film in headless Chromium with hls.js, while the host that it comes from is stopped.
//
//     node switch_in_browser.mjs PORT URL STEERING FOLDER NAME=ADDRESS...
//
// The page is http://127.0.0.1:PORT/, and the steering manifest in the file STEERING is /steering.json there. As soon as the film
// plays, it prints one line of JSON; then the caller stops the host, and says so with a line on standard input. At the end it
// prints another line: what was loaded from which host before and after, how the time went on, and what the player complained
// about. FOLDER gets a picture of the page before and after (before.png, after.png). The names are those of the hosts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { withPage } from "./browser.mjs";

const [port, url, steering, folder, ...names] = process.argv.slice(2);
// Seconds of the film.
const PLAYS_FROM = 3;
const SHOWS_AFTER_SWITCH = 2;
const PATIENCE_MS = 60_000;

/** In the page: starts the player and keeps what happens. */
function start(url) {
  const video = document.querySelector("video");
  // No more than some segments ahead: otherwise the whole film is here before its host is stopped.
  const hls = new Hls({ maxBufferLength: 4, maxMaxBufferLength: 6 });
  const seen = { segments: [], errors: [], pathways: [], longestStand: 0 };
  window.seen = seen;
  hls.on(Hls.Events.FRAG_LOADED, (_, { frag }) => seen.segments.push([frag.type, new URL(frag.url).hostname]));
  hls.on(Hls.Events.STEERING_MANIFEST_LOADED, (_, data) => (seen.steering = data.steeringManifest));
  hls.on(Hls.Events.LEVELS_UPDATED, (_, { levels }) => seen.pathways.push(levels[0].pathwayId));
  hls.on(Hls.Events.ERROR, (_, data) => seen.errors.push({ details: data.details, fatal: data.fatal, url: data.url ?? data.frag?.url }));
  video.onerror = () => seen.errors.push({ details: video.error.message, fatal: true });
  let [at, since] = [0, 0];
  video.onplaying = () => (since ||= performance.now());
  setInterval(() => {
    if (video.currentTime > at || video.ended || since === 0) {
      [at, since] = [video.currentTime, since && performance.now()];
    } else {
      seen.longestStand = Math.max(seen.longestStand, performance.now() - since);
    }
  }, 50);
  hls.loadSource(url);
  hls.attachMedia(video);
  video.oncanplay = () => video.play();
}

/** In the page: all that was seen so far. */
function look() {
  const video = document.querySelector("video");
  const { length } = video.buffered;
  return {
    ...structuredClone(seen),
    seconds: video.currentTime,
    buffered: length ? video.buffered.end(length - 1) : 0,
    ended: video.ended,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
  };
}

const settings = {
  files: { "/steering.json": ["application/json", readFileSync(steering)] },
  names: Object.fromEntries(names.map((name) => name.split("="))),
};
await withPage(port, settings, async (page) => {
  const reaches = (seconds) =>
    page.waitForFunction((to) => document.querySelector("video").currentTime >= to, { timeout: PATIENCE_MS }, seconds);
  await page.evaluate(start, url);
  const problem = (error) => console.error(String(error));
  await reaches(PLAYS_FROM).catch(problem);
  await page.screenshot({ path: join(folder, "before.png") });
  const before = await page.evaluate(look);
  console.log(JSON.stringify(before));
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => lines.once("line", resolve));
  lines.close();
  // What was buffered by now may still come from the stopped host.
  const stopped = await page.evaluate(look);
  await reaches(stopped.buffered + SHOWS_AFTER_SWITCH).catch(problem);
  await page.screenshot({ path: join(folder, "after.png") });
  await page.waitForFunction(() => document.querySelector("video").ended, { timeout: PATIENCE_MS }).catch(problem);
  const after = await page.evaluate(look);
  console.log(JSON.stringify({ ...after, segments: after.segments.slice(stopped.segments.length), bufferedWhenStopped: stopped.buffered }));
});
