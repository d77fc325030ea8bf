// Plays one manifest in headless Chromium with hls.js or dash.js, from its beginning to its end.
//
//     node play_in_browser.mjs PORT URL
//
// The page is http://127.0.0.1:PORT/, so the host of URL has to allow that origin. Prints one line of JSON: did it end, how far
// did it get, how many frames and lines of subtitles there were, and what the player or the browser complained about.

import { withPage } from "./browser.mjs";

const [port, url] = process.argv.slice(2);

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

console.log(JSON.stringify(await withPage(port, {}, (page) => page.evaluate(play, url, 45_000))));
