// The console of the real binary, as a person uses it.
//
//   node console.mjs PLIMSOLL [--shots OUT]
//
// Starts `PLIMSOLL up --json` in a folder of its own, signs in by the one-time
// link, walks through every section, searches, filters, compares, signs out,
// and holds on the way: no break of the content security policy, nothing
// serious by axe, no page wider than a phone, no page without its headers.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [binary, ...rest] = process.argv.slice(2);
const shots = rest.includes("--shots") ? rest[rest.indexOf("--shots") + 1] : undefined;
const executablePath = [process.env.PLIMSOLL_BROWSER, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
if (!executablePath || !binary || !existsSync(binary)) {
  console.error(`skipped: ${executablePath ? "no binary to start (cargo build, then its path)" : "no Chromium here (apt-get install chromium)"}`);
  process.exit(process.env.CI ? 1 : 0);
}
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
if (shots) await mkdir(shots, { recursive: true });

const data = await mkdtemp(join(tmpdir(), "plimsoll-e2e-"));
const server = spawn(binary, ["up", "--json", "--data", data, "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
const stop = async () => {
  server.kill("SIGTERM");
  await new Promise((done) => { server.exitCode === null ? server.once("exit", done) : done(); setTimeout(done, 5000).unref(); });
  await rm(data, { recursive: true, force: true });
};
const ready = new Promise((done, refuse) => {
  createInterface({ input: server.stdout }).on("line", (line) => { try { done(JSON.parse(line)); } catch { /* talk before the line */ } });
  server.once("exit", (code) => refuse(new Error(`it ended with ${code} before it was ready`)));
  setTimeout(() => refuse(new Error("it was not ready within 120 s")), 120_000).unref();
});

const failures = [];
const check = (holds, what) => { if (!holds) { failures.push(what); console.log(`not ok ${what}`); } else { console.log(`ok ${what}`); } };
const { url, sign_in: link } = await ready;
const base = new URL(url).origin;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, reducedMotion: "reduce" });
const page = await context.newPage();
const said = [];
await page.addInitScript(() => {
  window.broken = [];
  document.addEventListener("securitypolicyviolation", (event) => window.broken.push(`${event.violatedDirective} ${event.blockedURI}`));
});
page.on("pageerror", (error) => said.push(error.message));
page.on("dialog", (dialog) => { said.push(dialog.message()); dialog.dismiss(); });

async function hold(name) {
  const found = await page.evaluate(() => ({ broken: window.broken, over: document.documentElement.scrollWidth - innerWidth, h1: document.querySelectorAll("h1").length }));
  check(found.broken.length === 0 && said.length === 0, `${name}: keeps the policy ${[...found.broken, ...said.splice(0)].join("; ")}`);
  check(found.h1 === 1 && found.over <= 0, `${name}: one heading, no wider than the screen`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  check(serious.length === 0, `${name}: nothing serious by axe ${serious.map(({ id, nodes }) => `${id} ${nodes[0].html.slice(0, 120)}`).join("; ")}`);
  if (shots) await page.screenshot({ path: join(shots, `real-${name}.png`), fullPage: true });
}

try {
  const refused = await context.request.get(`${base}/console/hosts`, { maxRedirects: 0 });
  check([302, 303, 401].includes(refused.status()), "no page without a session");

  await page.goto(link);
  await hold("sign-in");
  const again = await context.request.get(link);
  check(again.status() === 200, "opening the link uses nothing up");
  const password = page.locator("input[type=password]");
  if (await password.count()) await password.fill("a long enough pass phrase for tests");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/console(\?|$)/);

  const answer = await page.goto(`${base}/console`);
  const headers = answer.headers();
  check(/default-src 'none'/.test(headers["content-security-policy"] ?? ""), "the policy is sent");
  check(headers["cache-control"] === "no-store", "no cache keeps a page");
  const style = await page.getAttribute("link[rel=stylesheet]", "href");
  const kept = await context.request.get(base + style);
  check(/immutable/.test(kept.headers()["cache-control"] ?? ""), "a browser may keep assets for ever");

  await page.waitForFunction(() => document.querySelectorAll(".legend strong").length > 0 && [...document.querySelectorAll(".legend strong")].some((figure) => figure.textContent !== "0"), null, { timeout: 120_000 }).catch(() => {});
  check((await page.locator(".strip .cell").count()) >= 1, "the first host appears on Today without a reload");

  for (const section of ["", "/hosts", "/compare", "/findings", "/advisories", "/packages", "/applications", "/exceptions", "/accreditations", "/mitigations", "/groups", "/sources", "/policy", "/reports", "/reports?report=auditor", "/activity", "/enrolment", "/people", "/tokens", "/webhooks", "/account"]) {
    const opened = await page.goto(`${base}/console${section}`);
    check(opened.status() === 200, `${section || "/"}: opens`);
    await hold(section.slice(1).replace("?", "-") || "today");
  }

  await page.goto(`${base}/console/hosts`);
  const host = page.locator("table.list tbody th a").first();
  const name = (await host.textContent()).trim();
  await page.fill("#filter-text", "no host is called this");
  await page.waitForSelector(".empty-title");
  check(page.url().includes("q="), "a filter stands in the address");
  await page.goto(`${base}/console/hosts`);
  await host.click();
  await page.waitForSelector("h1");
  check((await page.textContent("h1")).trim() === name, "a host opens");
  await hold("host");

  await page.keyboard.press("/");
  await page.keyboard.type(name.slice(0, 6), { delay: 20 });
  await page.waitForSelector("#search-hits a");
  await page.keyboard.press("ArrowDown");
  check((await page.evaluate(() => document.activeElement.closest("#search-hits") !== null)), "search finds the host as it is typed, and arrows reach it");
  // The address may be the present one: what tells is that a page is loaded.
  await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
  await page.waitForURL(/\/console\/hosts\//);

  await page.goto(`${base}/console/advisories/CVE-2099-0001`);
  check((await page.textContent("main")).includes("No source names"), "an unknown CVE says what it rests on");

  for (const kind of ["csv", "json"]) {
    const taken = await context.request.get(`${base}/console/hosts.${kind}`);
    check(taken.status() === 200 && (await taken.text()).includes(name), `hosts as ${kind}`);
  }

  const missing = await page.goto(`${base}/console/hosts/00000000000000000000000000`);
  check(missing.status() === 404, "a host that is not there is not found");
  await hold("trouble");

  await page.setViewportSize({ width: 390, height: 844 });
  for (const section of ["", "/hosts", "/findings", "/packages", "/exceptions", "/accreditations", "/sources"]) {
    await page.goto(`${base}/console${section}`);
    await hold(`phone-${section.slice(1) || "today"}`);
  }
  await page.setViewportSize({ width: 1360, height: 900 });

  const cookies = await context.cookies();
  check(cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite !== "None"), "cookies are out of reach of scripts and other sites");
  await page.goto(`${base}/console`);
  await page.click(".menu summary");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForLoadState();
  const after = await context.request.get(`${base}/console/hosts`, { maxRedirects: 0 });
  check(after.status() !== 200, "after signing out the session is dead");
  await page.goto(link);
  const button = page.getByRole("button", { name: "Sign in" });
  if (await button.count()) await button.click();
  const reused = await context.request.get(`${base}/console/hosts`, { maxRedirects: 0 });
  check(reused.status() !== 200, "the link works once");
} catch (error) {
  check(false, `it went to the end: ${error.message}`);
  if (shots) await page.screenshot({ path: join(shots, "real-where-it-ended.png"), fullPage: true }).catch(() => {});
} finally {
  await browser.close();
  await stop();
}
console.log(`${failures.length} failures`);
process.exit(failures.length ? 1 : 0);
