// An admin's work, by keyboard and by mouse: a token, a role, the log, a tool, a leaver.
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";

import { check, must, until } from "./report.mjs";
import { ADMIN, ORG, PASSWORD, PEOPLE, person } from "./seed.mjs";
import { ScimTool } from "./tools.mjs";

/** Presses Tab until what has the focus fits; nothing else may be needed to get there. */
async function tabTo(page, words) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const element = document.activeElement;
      const outline = getComputedStyle(element).outlineStyle;
      return { text: (element.labels?.[0]?.innerText ?? element.innerText ?? "").trim(), isSeen: outline !== "none" };
    });
    if (here.text.startsWith(words)) return must(here.isSeen, `the focus on ${words} cannot be seen`);
  }
  throw new Error(`the keyboard does not reach ${words}`);
}

async function token({ page, context }, { scim, ceven }) {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: ceven.url });
  await page.goto("/app/sso/tokens");
  await tabTo(page, "New Token");
  await page.keyboard.press("Enter");
  await tabTo(page, "Label");
  await page.keyboard.type("okta-preview");
  await tabTo(page, "Generate");
  await page.keyboard.press("Enter");
  const shown = page.locator("code#token");
  await shown.waitFor();
  const raw = await shown.innerText();
  must(/^cvn_[0-9A-Za-z]{60}$/.test(raw), `the token has ${raw.length} characters`);
  await page.getByRole("button", { name: "Copy the token" }).click();
  await page.getByRole("status").getByText("Copied").waitFor({ state: "attached" });
  must((await page.evaluate(() => navigator.clipboard.readText())) === raw, "the clipboard holds the token");
  must((await scim.send("GET", "Users?count=1", undefined, raw)).status === 200, "SCIM takes the token");
  const listed = page.getByRole("rowheader", { name: "okta-preview" });
  await page.getByRole("link", { name: "I have stored it" }).click();
  await listed.waitFor();
  must(!(await page.content()).includes(raw), "the list does not show it");
  await page.goBack().catch(() => null);
  must(!(await page.content()).includes(raw), "nor does the browser's way back");
  await page.goto("/app/sso/tokens");
  await page.getByRole("row", { name: "okta-preview" }).getByRole("link", { name: "Rotate" }).click();
  await page.getByRole("button", { name: "Rotate token" }).click();
  await shown.waitFor();
  await page.reload();
  await listed.first().waitFor();
  must((await listed.count()) === 2, "reloading mints no third one");
}

async function role({ page }, { ids }) {
  const address = `/app/team/${ids[person("Hana").id]}`;
  await page.goto("/app/team");
  await page.keyboard.press("/");
  await page.keyboard.type("hana");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Hana Sato" }).click();
  await page.getByRole("radio", { name: "Admin" }).check();
  await page.getByRole("button", { name: "Save role" }).click();
  await page.getByText("The role was changed.").waitFor();
  await page.goto(address);
  must(await page.getByRole("radio", { name: "Admin" }).isChecked(), "the role stays");
}

async function log({ page }, { ceven }) {
  await page.goto("/app/audit");
  await page.getByLabel("Action").fill("user.deactivate");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL("**/app/audit?*action=user.deactivate*");
  const actions = await page.locator("table.log tbody td:nth-child(3)").allInnerTexts();
  must(actions.length > 0 && actions.every((action) => action === "user.deactivate"), actions.join());
  const download = async (name) => {
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export NDJSON" }).click()]);
    await file.saveAs(join(ceven.folder, name));
    return ceven.verb(["audit", "verify", join(ceven.folder, name)]);
  };
  const some = await download("some.ndjson");
  must(some.ok && some.entries === actions.length, JSON.stringify(some));
  await page.getByRole("link", { name: "Clear filters" }).click();
  const whole = await download("whole.ndjson");
  must(whole.ok && whole.first_seq === 1 && whole.entries === whole.last_seq, JSON.stringify(whole));
}

async function tool({ page }, { tools }) {
  tools.Miro = await ScimTool.start(PEOPLE);
  await page.goto("/app/connectors");
  await page.getByRole("link", { name: "SCIM 2.0" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("Miro");
  await page.getByLabel("SCIM address").fill(tools.Miro.settings.base_url);
  await page.getByLabel("Token").fill(tools.Miro.token);
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("The tool was connected.").waitFor();
  must(!(await page.content()).includes(tools.Miro.token), "the secret is not shown again");
  await page.getByRole("button", { name: "Run the check" }).click();
  await page.getByRole("heading", { name: "Result of the check" }).waitFor();
  const results = await page.locator("table tbody td:nth-child(2)").allInnerTexts();
  must(results.length >= 3 && results.every((result) => /Done|Skipped/.test(result)), results.join());
}

/** A key file keeps its lines on the way through the form; without them it is none. */
async function keyFile({ page }) {
  const pem = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding: { type: "pkcs1", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } }).privateKey;
  await page.goto("/app/connectors/new/github");
  await page.locator('[name="organization"]').fill("acme");
  await page.getByLabel("App client id").fill("Iv23liAcme");
  await page.getByLabel("App private key").fill("no key");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByRole("alert").getByText("private key").waitFor();
  await page.getByLabel("App private key").fill(pem);
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("The tool was connected.").waitFor();
  must(!(await page.content()).includes("PRIVATE KEY"), "the key is not shown again");
  must(!(await page.getByRole("button", { name: "Disconnect" }).isVisible()), "one click forgets no credentials");
  await page.getByText("Disconnect…").click();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("Disconnected.").waitFor();
}

/** A session that ends in the middle of a form takes nothing with it but the secrets. */
async function interrupted({ page, context }) {
  await page.goto("/app/connectors/new/scim");
  await page.getByLabel("Name", { exact: true }).fill("Asana");
  await page.getByLabel("SCIM address").fill("https://asana.example/scim/v2");
  await page.getByLabel("Token").fill("secret-of-asana");
  const [cookie] = await context.cookies();
  await context.addCookies([{ ...cookie, value: `${cookie.value.split(".")[0]}.${"0".repeat(64)}` }]);
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("Your session has ended").waitFor();
  must(!(await page.evaluate(() => JSON.stringify(sessionStorage))).includes("secret-of-asana"), "secrets are not kept");
  await page.getByText("Local admin").click();
  await fillLogin(page, "wrong password");
  await page.getByText("is wrong").waitFor();
  await fillLogin(page, PASSWORD);
  await page.waitForURL("**/app/connectors/new/scim");
  await page.getByText("What you had typed is here again").waitFor();
  must((await page.getByLabel("Name", { exact: true }).inputValue()) === "Asana", "the name");
  must((await page.getByLabel("SCIM address").inputValue()) === "https://asana.example/scim/v2", "the address");
  must((await page.getByLabel("Token").inputValue()) === "", "no secret");
  await page.reload();
  must((await page.getByLabel("Name", { exact: true }).inputValue()) !== "Asana", "it comes back once");
}

/** A tab that was opened before signing in anew says so, and keeps what was typed. */
async function stale({ page, context }, { ids }) {
  const leaver = person("Nora");
  await page.goto(`/app/team/${ids[leaver.id]}/offboard`);
  await page.getByLabel("Reason").fill("Left on Friday");
  const other = await context.newPage();
  await other.goto("/app");
  await other.getByRole("button", { name: "Sign out" }).click();
  await other.goto("/login");
  await other.getByText("Local admin").click();
  await fillLogin(other, PASSWORD);
  await other.waitForURL("**/app");
  await other.close();
  await page.getByLabel(/to confirm/).fill(leaver.userName);
  await page.getByRole("button", { name: "Offboard now" }).click();
  await page.getByRole("heading", { name: "This page is from an earlier sign-in" }).waitFor();
  await page.getByRole("link", { name: "Open the page again" }).click();
  await page.getByText("What you had typed is here again").waitFor();
  must((await page.getByLabel("Reason").inputValue()) === "Left on Friday", "the reason");
  must((await page.getByLabel(/to confirm/).inputValue()) === "", "the confirmation is given again");
}

/** Friday at five: in UTC, and said in the reader's own zone. */
async function later({ page }, { ids, scim }) {
  const leaver = person("Paula");
  await page.goto(`/app/team/${ids[leaver.id]}/offboard`);
  await page.getByText("At a later time").click();
  await page.getByLabel("Day and time, in UTC").fill("2099-12-04T17:00");
  await page.getByText("for you: Fri").waitFor();
  await page.getByLabel(/to confirm/).fill(leaver.userName);
  await page.getByRole("button", { name: "Offboard now" }).click();
  await page.getByText("is filled in").waitFor();
  await page.getByLabel(/to confirm/).fill(leaver.userName);
  await page.getByRole("button", { name: "Schedule the offboarding" }).click();
  await page.waitForURL("**/app/offboardings/*");
  must((await page.locator("dl").innerText()).includes("2099-12-04 17:00 UTC (for you: Fri"), await page.locator("dl").innerText());
  must((await scim.send("GET", `Users/${ids[leaver.id]}`)).body.active, "until then nothing changes");
  await page.getByRole("button", { name: "Cancel the offboarding" }).click();
  await page.getByText("Cancelled").first().waitFor();
}

async function fillLogin(page, password) {
  await page.getByLabel("Organization", { exact: true }).fill(ORG);
  await page.getByLabel("Work email", { exact: true }).fill(ADMIN);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

async function leaver({ page }, { tools, ids, scim }) {
  const maya = person("Maya");
  tools.Miro.delayMs = 1_500;
  await page.goto(`/app/team/${ids[maya.id]}`);
  await page.getByRole("link", { name: "Offboard…" }).click();
  await page.getByRole("rowheader", { name: "Miro" }).waitFor();
  must(tools.Miro.writes === 0, "a preview changes nothing");
  await page.getByLabel(/to confirm/).fill("someone.else@acme.example");
  await page.getByRole("button", { name: "Offboard now" }).click();
  await page.getByText("The user name does not match").waitFor();
  must((await scim.send("GET", `Users/${ids[maya.id]}`)).body.active, "a wrong name changes nothing");
  await page.getByLabel("Reason").fill("Left for another company");
  await page.getByLabel(/to confirm/).fill(maya.userName);
  await page.getByRole("button", { name: "Offboard now" }).click();
  await page.waitForURL("**/app/offboardings/*");
  await page.evaluate(() => (window.isTheSamePage = true));
  must(!(await scim.send("GET", `Users/${ids[maya.id]}`)).body.active, "access ends with the answer");
  const bars = await page.locator("svg.waterfall rect").count();
  const state = (name) => page.locator(".heading", { has: page.getByRole("heading", { name, exact: true }) }).locator(".pill").innerText();
  await until("Miro is done while the page is looked at", async () => (await state("Miro")).includes("Done"));
  await until("the tool that refuses needs someone", async () => (await state("Legacy CRM")).includes("Needs attention"));
  await until("the busy tool is done in the end", async () => (await state("Zendesk")).includes("Done"));
  must((await page.locator("svg.waterfall rect").count()) > bars, "bars were added");
  must(await page.evaluate(() => window.isTheSamePage), "without loading the page again");
  must(tools.Miro.accounts.get(`t-${maya.id}`).active === false, "the account at the tool is off");
  const part = page.locator("section", { has: page.getByRole("heading", { name: "Legacy CRM" }) }).last();
  await part.getByText("Settle this by hand").click();
  await part.getByLabel("How it was done").fill("Removed by its administrator, ticket CRM-88");
  await part.getByRole("button", { name: "Mark as done by hand" }).click();
  await page.getByText("Done by hand:").waitFor();
  await until("the offboarding is done", async () => (await page.locator("dl .pill").first().innerText()).includes("Done"));
}

export async function work(world) {
  const admin = await world.browsing.admin();
  const steps = [
    ["a token is minted by keyboard, shown once, copied, and opens SCIM", token],
    ["a member is found with the keyboard and promoted", role],
    ["the log is filtered, exported, and the file verifies", log],
    ["a tool is connected and checked", tool],
    ["a tool's key file is pasted; what is none is refused", keyFile],
    ["someone is offboarded with their name typed; the waterfall moves by itself", leaver],
    ["an offboarding is scheduled in UTC and told in the reader's time, then cancelled", later],
    ["a session ends in the middle of a form; what was typed is there again", interrupted],
    ["a tab from before signing in anew says so, and keeps what was typed", stale],
  ];
  for (const [name, run] of steps) {
    await check(name, async () => {
      await run(admin, world);
      const all = admin.complaints.take();
      must(all.length === 0, all.join("\n"));
    });
  }
  await admin.context.close();
}
