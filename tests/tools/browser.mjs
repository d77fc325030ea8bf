// A page with hls.js and dash.js in headless Chromium, for the scripts beside this file.

import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The package unpacks the system's libraries beside the browser where it believes to be there.
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs22.x";
const { default: chromium } = await import("@sparticuz/chromium");
const { default: puppeteer } = await import("puppeteer-core");

const installed = (file) => readFileSync(new URL(`node_modules/${file}`, import.meta.url));
const html = '<!doctype html><video muted width="320" height="180"></video><script src="/hls.js"></script><script src="/dash.js"></script>';

/** Starts the browser. */
export async function launch(more) {
  // The package's own list lets every page read everything.
  const args = chromium.args.filter((argument) => !argument.startsWith("--disable-web-security"));
  const executablePath = await chromium.executablePath();
  // The package's own configuration looks for its fonts in /tmp. Without any font, pages have no text.
  const fonts = join(tmpdir(), "fonts");
  const dir = (name, folder) => `<${name}>${folder}</${name}>`;
  process.env.FONTCONFIG_FILE = join(fonts, "here.conf");
  writeFileSync(process.env.FONTCONFIG_FILE, `<fontconfig>${dir("dir", fonts)}${dir("cachedir", join(fonts, "cache"))}</fontconfig>`);
  return puppeteer.launch({
    executablePath,
    args: [...args, "--autoplay-policy=no-user-gesture-required", ...more],
    headless: "shell",
    userDataDir: join(tmpdir(), `browser-${process.pid}`),
  });
}

/** Opens http://127.0.0.1:PORT/ and passes the page to `use`. `files` maps paths to more content: its type, and its text; `names` has the
 *  addresses of hosts, by name. */
export async function withPage(port, { files = {}, names = {} }, use) {
  const script = (file) => ["text/javascript", installed(file)];
  const served = {
    "/": ["text/html", html],
    "/hls.js": script("hls.js/dist/hls.min.js"),
    "/dash.js": script("dashjs/dist/modern/umd/dash.all.min.js"),
    ...files,
  };
  const server = createServer((request, answer) => {
    const [type, content] = served[new URL(request.url, "http://page").pathname] ?? ["text/plain", ""];
    answer.setHeader("content-type", type);
    answer.end(content);
  });
  await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
  const rules = Object.entries(names).map(([name, address]) => `MAP ${name} ${address}`);
  const browser = await launch([`--host-resolver-rules=${rules}`]);
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    return await use(page);
  } finally {
    await browser.close();
    server.close();
  }
}
