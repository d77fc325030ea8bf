// Plays one manifest in headless Chromium with hls.js or dash.js, from its beginning to its end.
//
//     node play_in_browser.mjs PORT URL
//
// The page is http://127.0.0.1:PORT/, so the host of URL has to allow that origin. Prints one line of JSON: did it end, how far
// did it get, how many frames and lines of subtitles there were, and what the player or the browser complained about.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The package unpacks the system's libraries beside the browser where it believes to be there.
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs22.x";
const { default: chromium } = await import("@sparticuz/chromium");
const { default: puppeteer } = await import("puppeteer-core");

const [port, url] = process.argv.slice(2);
const installed = (file) => readFileSync(new URL(`node_modules/${file}`, import.meta.url));
const scripts = {
  "/hls.js": installed("hls.js/dist/hls.min.js"),
  "/dash.js": installed("dashjs/dist/modern/umd/dash.all.min.js"),
};
const html = '<!doctype html><video muted width="320" height="180"></video><script src="/hls.js"></script><script src="/dash.js"></script>';

/** In the page. */
async function play(url, patience) {
  const video = document.querySelector("video");
  const problems = [];
  video.playbackRate = 2;
  video.onerror = () => problems.push(`the video: ${video.error.message}`);
  if (new URL(url).pathname.endsWith(".mpd")) {
    const player = dashjs.MediaPlayer().create();
    player.on("error", (event) => problems.push(`dash.js: ${event.error.message ?? event.error}`));
    player.initialize(video, url, false);
    player.on("streamInitialized", () => {
      player.enableText(true);
      player.setTextTrack(0);
    });
  } else {
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => problems.push(`hls.js: ${data.type} ${data.details} ${data.url ?? ""}`));
    // Earlier, the player takes the lack of a visible track for the viewer's choice.
    video.onplaying = () => (hls.subtitleTrack = 0);
    hls.loadSource(url);
    hls.attachMedia(video);
  }
  const ended = new Promise((resolve) => {
    video.onended = () => resolve(true);
    setInterval(() => problems.length > 0 && resolve(false), 100);
  });
  const over = new Promise((resolve) => setTimeout(() => resolve(false), patience));
  video.oncanplay = () => video.play().catch((error) => problems.push(`play: ${error.message}`));
  const done = await Promise.race([ended, over]);
  const tracks = [...video.textTracks];
  return {
    ended: done,
    seconds: video.currentTime,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    subtitles: Math.max(0, ...tracks.map((track) => track.cues?.length ?? 0)),
    problems,
  };
}

const server = createServer((request, answer) => {
  const script = scripts[request.url];
  answer.setHeader("content-type", script ? "text/javascript" : "text/html");
  answer.end(script ?? html);
});
await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
// The package's own list lets every page read everything.
const args = chromium.args.filter((argument) => !argument.startsWith("--disable-web-security"));
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: [...args, "--autoplay-policy=no-user-gesture-required"],
  headless: "shell",
  userDataDir: join(tmpdir(), `browser-${process.pid}`),
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  console.log(JSON.stringify(await page.evaluate(play, url, 45_000)));
} finally {
  await browser.close();
  server.close();
}
