// The setup guide ticks by itself as Okta calls: SCIM for an organization that begins, sign-in and Universal Logout for
// one that is connected.
import { randomUUID } from "node:crypto";

import { check, must, until } from "./report.mjs";
import { PASSWORD, PEOPLE, Scim, person } from "./seed.mjs";

const rung = (page, words) => page.locator(".ladder li:not(.refused)", { hasText: words });
const isDone = async (page, words) => (await rung(page, words).getAttribute("class"))?.includes("done") ?? false;
const stage = (page, title) => page.locator(".steps > li", { has: page.getByRole("heading", { name: title }) }).locator(".heading .pill").innerText();

/** Waits for a tick, and finds that the page was not loaded again. */
async function ticks(page, words) {
  await until(`${words} ticks`, () => isDone(page, words));
  must(await page.evaluate(() => window.isTheSamePage), "without loading the page again");
}

async function beginning({ browsing, ceven }) {
  const org = "globex";
  await ceven.verb(["org", "create", "--name", "Globex", "--slug", org, "--domain", "globex.example"]);
  await ceven.verb(["admin", "create", "--org", org, "--email", "it@globex.example", "--password-stdin"], PASSWORD);
  const { context, page, complaints } = await browsing.someone();
  await page.goto("/login");
  await page.getByText("Local admin").click();
  await page.getByLabel("Organization", { exact: true }).fill(org);
  await page.getByLabel("Work email", { exact: true }).fill("it@globex.example");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Set up Ceven" }).waitFor();
  await page.goto("/app/sso");
  await page.evaluate(() => (window.isTheSamePage = true));
  must((await stage(page, "Get a SCIM token")).includes("To do"), await stage(page, "Get a SCIM token"));
  const { token } = await ceven.verb(["token", "mint", "--org", org, "--label", "okta"]);
  await until("the token is seen", async () => (await stage(page, "Get a SCIM token")).includes("Done"));
  must((await stage(page, "Paste it into")).includes("Waiting for Okta"), await stage(page, "Paste it into"));
  const scim = new Scim(ceven.scim, token);
  must((await scim.send("GET", "oops/ServiceProviderConfig")).status === 404, "a base URL with a segment too many");
  await until("the slip and its remedy are seen", async () => (await page.locator("#calls").innerText()).includes("The base URL ends with /api/v1/scim/v2"));
  for (const path of ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Users?startIndex=1&count=2"]) await scim.send("GET", path);
  for (const path of ["ServiceProviderConfig", "ResourceTypes", "Schemas", "GET /Users"]) await ticks(page, path);
  must(!(await isDone(page, "POST /Users")), "nobody is pushed yet");
  must((await page.locator("#calls .refused").count()) === 0, "the slip is over");
  must((await scim.create(PEOPLE[0])).status === 201, "the first person");
  await ticks(page, "POST /Users");
  await until("the step is done", async () => (await stage(page, "Paste it into")).includes("Done"));
  const all = complaints.take();
  must(all.length === 0, all.join("\n"));
  await context.close();
}

/** A token as Okta signs it for Universal Logout, of whoever `userName` is. */
async function logOut({ ceven, provider }, userName) {
  const endpoint = `${ceven.url}/api/v1/sso/okta/universal-logout`;
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: provider.issuer, sub: provider.clientId, aud: endpoint, jti: randomUUID(), iat: now, nbf: now - 60, exp: now + 300 };
  const body = JSON.stringify({ sub_id: { format: "email", email: userName } });
  const headers = { authorization: `Bearer ${provider.sign("global-token-revocation+jwt", claims)}`, "content-type": "application/json" };
  return (await fetch(endpoint, { method: "POST", headers, body })).status;
}

async function connected(world) {
  const { browsing, provider, ids } = world;
  const admin = await browsing.admin();
  await admin.page.goto("/app/sso");
  await admin.page.evaluate(() => (window.isTheSamePage = true));
  must(!(await isDone(admin.page, "First sign-in with Okta")), "nobody has signed in yet");
  const { context, page } = await browsing.someone();
  await page.goto(`/api/v1/sso/okta/oidc/start?iss=${encodeURIComponent(provider.issuer)}`);
  await page.getByRole("link", { name: person("Lucas").name, exact: true }).click();
  await page.waitForURL("**/app");
  await ticks(admin.page, "First sign-in with Okta");
  must(!(await isDone(admin.page, "First Universal Logout")), "nobody was logged out yet");
  must((await logOut(world, person("Lucas").userName)) === 204, "the logout is accepted");
  await ticks(admin.page, "First Universal Logout");
  await page.goto("/app");
  must(page.url().includes("/login"), "whoever was logged out is out at their next request");
  must((await world.scim.send("GET", `Users/${ids[person("Lucas").id]}`)).body.active === false, "and deactivated");
  await context.close();
  await admin.context.close();
}

/** The stream of an admin whose sessions are ended says nothing more. */
async function ended({ browsing, ceven, provider, ids }) {
  const { context, page } = await browsing.someone();
  await page.goto(`/api/v1/sso/okta/oidc/start?iss=${encodeURIComponent(provider.issuer)}`);
  await page.getByRole("link", { name: person("Priya").name, exact: true }).click();
  await page.waitForURL("**/app");
  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const stream = await fetch(`${ceven.url}/app/sso/events`, { headers: { cookie } });
  const reader = stream.body.getReader();
  must(new TextDecoder().decode((await reader.read()).value).startsWith("data: "), "the first event comes at once");
  const admin = await browsing.admin();
  await admin.page.goto(`/app/team/${ids[person("Priya").id]}`);
  await admin.page.getByRole("button", { name: "End all sessions" }).click();
  await admin.page.getByText("All sessions of this person were ended.").waitFor();
  const rest = (async () => {
    for (;;) if ((await reader.read()).done) return true;
  })();
  let isOver = false;
  rest.then(() => (isOver = true));
  await until("the stream ends", () => isOver);
  await admin.context.close();
  await context.close();
}

export async function guide(world) {
  await check("the setup guide ticks as Okta calls over SCIM, and names the slip in the base URL", () => beginning(world));
  await check("the setup guide ticks at the first sign-in and the first Universal Logout", () => connected(world));
  await check("a stream of events ends with its session", () => ended(world));
}
