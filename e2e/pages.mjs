// Looks at the drawn pages (crates/server/src/console/tests.rs writes them)
// in a real browser, under the console's own content security policy.
//
//   node pages.mjs FOLDER [--shots OUT] [--only NAME]
//
// Holds that: no page breaks the policy or runs a hostile word; no page is
// wider than a phone; axe finds nothing serious; every page has one h1, a main
// landmark and a skip link that works; charts are drawn and have their table.
import { createServer } from "node:http";
import { readFile, readdir, mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, normalize } from "node:path";
import { chromium } from "playwright-core";

const [folder, ...rest] = process.argv.slice(2);
const option = (name) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : undefined);
const shots = option("--shots");
const only = option("--only");
const executablePath = [process.env.PLIMSOLL_BROWSER, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
if (!executablePath) {
  console.error("skipped: no Chromium here (apt-get install chromium, or PLIMSOLL_BROWSER=path)");
  process.exit(process.env.CI ? 1 : 0);
}

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const csp = await readFile(join(folder, "policy.txt"), "utf8");
const types = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://here").pathname));
  try {
    const body = await readFile(join(folder, path));
    response.writeHead(200, { "content-type": types[path.split(".").pop()] ?? "text/plain", "content-security-policy": csp });
    response.end(body);
  } catch {
    response.writeHead(204).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const failures = [];
const fail = (page, what) => { failures.push(`${page}: ${what}`); console.log(`not ok ${page}: ${what}`); };
if (shots) await mkdir(shots, { recursive: true });

const wholePages = (await readdir(folder)).filter((name) => name.endsWith(".html")).map((name) => name.slice(0, -5)).filter((name) => !only || name.includes(only)).sort();

// One page is used again for each file: making one costs more than a look.
async function watch(context) {
  const page = await context.newPage();
  // A busy machine is slow, not broken.
  page.setDefaultTimeout(120_000);
  const said = [];
  await page.addInitScript(() => {
    window.broken = [];
    document.addEventListener("securitypolicyviolation", (event) => window.broken.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  page.on("pageerror", (error) => said.push(`error ${error.message}`));
  page.on("dialog", (dialog) => { said.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  page.on("console", (message) => { if (message.type() === "error" && !/EventSource|favicon/.test(message.text())) said.push(message.text()); });
  page.on("framenavigated", (frame) => { if (frame.parentFrame()) said.push(`a frame went to ${frame.url()}`); });
  return { page, said };
}

async function look({ page, said }, name, tag) {
  await page.goto(`${base}/${name}.html`, { waitUntil: "load" });
  if (name.includes("today")) await page.waitForTimeout(150);
  const found = await page.evaluate(() => ({
    ran: window.ran,
    broken: window.broken,
    over: document.documentElement.scrollWidth - innerWidth,
    wide: [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest("pre")).slice(0, 3).map((element) => `${element.tagName}.${element.className}`),
    h1: document.querySelectorAll("h1").length,
    main: document.querySelectorAll("main").length,
  }));
  if (found.ran !== undefined) fail(`${name} ${tag}`, "a hostile word ran");
  for (const what of [...found.broken, ...said.splice(0)]) fail(`${name} ${tag}`, what);
  const part = name.endsWith("search-hits");
  if (!part && (found.h1 !== 1 || found.main !== 1)) fail(`${name} ${tag}`, `${found.h1} h1, ${found.main} main`);
  if (!part && found.over > 0) fail(`${name} ${tag}`, `${found.over} px wider than the screen: ${found.wide.join(", ")}`);
  return page;
}

async function holdAxe(page, name, tag) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const violation of violations.filter(({ impact }) => impact === "serious" || impact === "critical")) {
    fail(`${name} ${tag}`, `axe ${violation.id}: ${violation.nodes.slice(0, 2).map((node) => `${node.html.slice(0, 140)} [${node.any.concat(node.all).map(({ message }) => message).join("; ").slice(0, 160)}]`).join(" | ")}`);
  }
}

const settings = [
  ["light", { colorScheme: "light", viewport: { width: 1360, height: 900 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1360, height: 900 } }],
  ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true }],
];
for (const [tag, setting] of settings) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...setting });
  const watched = await watch(context);
  for (const name of wholePages) {
    if (name.startsWith("hostile") && tag === "dark") continue;
    const page = await look(watched, name, tag);
    const ordinary = !/^(hostile|many)/.test(name) && !name.endsWith("search-hits");
    if (ordinary && tag !== "phone") await holdAxe(page, name, tag);
    if (shots) await page.screenshot({ path: join(shots, `${name}-${tag}.png`), fullPage: !name.startsWith("many") });
  }
  await context.close();
}

// What a person does with the keyboard, and what the charts are.
const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
if (wholePages.includes("today")) {
  const page = await look(await watch(context), "today", "keyboard");
  await page.keyboard.press("Tab");
  if (!(await page.evaluate(() => document.activeElement.classList.contains("skip")))) fail("today", "the skip link is not first");
  await page.keyboard.press("Enter");
  if (!(await page.evaluate(() => document.activeElement.id === "content"))) fail("today", "the skip link does not reach the content");
  await page.keyboard.press("/");
  if (!(await page.evaluate(() => document.activeElement.id === "search"))) fail("today", "/ does not reach the search");
  const charts = await page.evaluate(() => [...document.querySelectorAll("figure.chart")].map((figure) => {
    const canvas = figure.querySelector("canvas");
    const drawn = canvas && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value !== 0);
    return { drawn, rows: figure.querySelectorAll("tbody tr").length };
  }));
  if (charts.length !== 3 || !charts.every(({ drawn, rows }) => drawn && rows > 1)) fail("today", `charts: ${JSON.stringify(charts)}`);
  const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.click("#theme");
  const after = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  if (before === after) fail("today", "the theme does not change");
  await page.reload();
  if ((await page.evaluate(() => getComputedStyle(document.body).backgroundColor)) !== after) fail("today", "the theme is forgotten");
}
// Between a phone and a wide screen a list folds before it runs over.
for (const name of ["hosts", "findings", "sources"].filter((known) => wholePages.includes(known))) {
  const page = await look(await watch(context), name, "widths");
  for (const width of [1300, 1275, 1240, 1100, 1000, 950, 700]) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) fail(name, `${over} px wider than a screen of ${width}`);
  }
}
await browser.close();
server.close();
console.log(`${wholePages.length} pages looked at, ${failures.length} failures`);
process.exit(failures.length ? 1 : 0);
