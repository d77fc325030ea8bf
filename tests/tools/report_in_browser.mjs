// Opens the page of a report in headless Chromium: on a phone and on a desk, light and dark, with every detail opened.
//
//     node report_in_browser.mjs FILE [PICTURES]
//
// Prints one line of JSON, an entry for each of them: how wide the page is and the window, what the browser complained about,
// what the page asked the network for, whether it ran a script of its own, and its text. With PICTURES, a folder, it takes pictures.

import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";

const [file, pictures] = process.argv.slice(2);
const address = pathToFileURL(file).href;

/** In the page. */
function look() {
  const seen = {
    width: document.documentElement.scrollWidth,
    window: innerWidth,
    // What a table or a text hides behind a scroll bar of its own counts, too.
    cut: [...document.querySelectorAll("main *:not(rect):not(title)")]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
      .map((element) => `${element.tagName} ${element.textContent.slice(0, 40)}`),
    background: getComputedStyle(document.body).backgroundColor,
    script: globalThis.hostile ?? document.scripts.length,
    closed: document.querySelectorAll("details:not([open])").length,
  };
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  seen.opened = document.documentElement.scrollWidth;
  seen.text = document.body.innerText;
  return seen;
}

const browser = await launch([]);
const all = [];
try {
  for (const width of [380, 1280]) {
    for (const scheme of ["light", "dark"]) {
      const page = await browser.newPage();
      const [complaints, requests] = [[], []];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => request.url() === address || requests.push(request.url()));
      await page.setViewport({ width, height: 800 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(address);
      if (pictures) {
        await page.screenshot({ path: `${pictures}/${width}-${scheme}.png`, fullPage: true });
      }
      all.push({ scheme, ...(await page.evaluate(look)), complaints, requests });
      await page.close();
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(all));
