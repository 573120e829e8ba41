// Signing in by an identity provider: the real console, a real OpenID provider
// and a browser between them.
//
//   node sign-in.mjs CONSOLE ISSUER CERTIFICATE KEY
//
// Serves the issuer at the address ISSUER (https) with the given certificate,
// and signs in at CONSOLE as people with and without a role there. The server
// must know the provider "corp" with the secret "a secret of the test".
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import { chromium } from "playwright-core";
import { Provider } from "oidc-provider";

const [console_, issuer, certificate, key] = process.argv.slice(2);
const executablePath = [process.env.PLIMSOLL_BROWSER, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
if (!executablePath) {
  console.error("skipped: no Chromium here (apt-get install chromium)");
  process.exit(process.env.CI ? 1 : 0);
}
const groups = { alice: ["patchers", "staff"], mallory: ["staff"] };
const provider = new Provider(issuer, {
  clients: [{ client_id: "plimsoll", client_secret: "a secret of the test", redirect_uris: [`${console_}/sign-in/corp/return`] }],
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["keys of a test"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: `subject-${id}`, name: `${id} of the corp`, preferred_username: id, groups: groups[id], email: `${id}@corp.example`, email_verified: true }),
  }),
});
const asked = [];
provider.use(async (context, next) => { asked.push(context.path); await next(); });
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, provider.callback());
await new Promise((done) => server.listen(Number(new URL(issuer).port), "127.0.0.1", done));

const failures = [];
const check = (holds, what) => { if (!holds) { failures.push(what); } console.log(`${holds ? "ok" : "not ok"} ${what}`); };
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function signIn(name) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(`${console_}/console/sign-in`);
  await page.getByRole("link", { name: "Continue with Corp ID" }).click();
  await page.waitForSelector("input[name=login]");
  await page.fill("input[name=login]", name);
  await page.fill("input[name=password]", "whatever");
  await page.click("button[type=submit]");
  await page.waitForFunction(() => /continue|authorize/i.test(document.querySelector("button[type=submit]")?.textContent ?? "") && !document.querySelector("input[name=login]"));
  await page.click("button[type=submit]");
  return { page, context };
}

try {
  const { page, context } = await signIn("alice");
  await page.waitForURL(/\/console$/);
  check((await page.textContent("h1")) === "Today", "alice is in the console");
  const who = await (await context.request.get(`${console_}/api/v1/session`)).json();
  check(who.account === "alice" && who.strength === "oidc", `she is herself: ${JSON.stringify(who)}`);
  check(who.grants.length === 1 && who.grants[0].role === "operator" && who.grants[0].client, "her group gives her one role, at one client");

  const { page: barred } = await signIn("mallory");
  await barred.waitForSelector("[role=alert]");
  const said = await barred.textContent("[role=alert]");
  check(/none of the person's groups has a role here/.test(said), `mallory is told why not: ${said}`);
  check(await barred.getByRole("link", { name: "Continue with Corp ID" }).isVisible(), "and stands at the sign-in page");

  const cookieless = await (await browser.newContext()).newPage();
  const answer = await cookieless.goto(`${console_}/sign-in/corp/return?code=x&state=y`);
  check(answer.status() === 401, "a return that nobody began is refused");
  check(asked.includes("/token") && asked.includes("/jwks"), "the provider was really asked");
} catch (error) {
  check(false, `${error}`.split("\n")[0]);
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
process.exit(failures.length === 0 ? 0 : 1);
