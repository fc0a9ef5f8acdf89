// The tour of the README, taken by a newcomer in front of `ceven dev`: every page of it in both themes.
import { join } from "node:path";

import { Browsing } from "./browsing.mjs";
import { judge } from "./looks.mjs";
import { check, must, until } from "./report.mjs";
import { Dev } from "./server.mjs";

/** A browser on its way, and what it is shown. */
class Walk {
  constructor(one, dev, world) {
    Object.assign(this, one, { dev, world });
  }

  /** Judges the page that is shown, in both themes; it is left as a desk has it. */
  async looks(name) {
    for (const colorScheme of ["light", "dark"]) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await judge(this, `tour ${name}`, colorScheme, this.world.screenshots);
    }
    await this.page.emulateMedia({ colorScheme: "light" });
    await this.page.setViewportSize({ width: 1280, height: 900 });
  }

  /** Team > someone > Offboard, with their address typed. */
  async offboard(name, address) {
    const { page } = this;
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Team" }).click();
    await page.getByRole("link", { name }).click();
    await page.getByRole("link", { name: "Offboard…" }).click();
    await page.getByRole("rowheader", { name: "Slack" }).waitFor();
    const tools = await page.getByRole("rowheader").allInnerTexts();
    must(tools.length === 10, `Ceven and nine tools: ${tools}`);
    if (name === "Dana Lee") await this.looks("preview");
    await page.getByLabel(/to confirm/).fill(address);
    await page.getByRole("button", { name: "Offboard now" }).click();
    await page.waitForURL("**/app/offboardings/*");
    await page.evaluate(() => (window.isTheSamePage = true));
  }

  /** Waits until the page says by itself that everything is done. */
  async isDone() {
    await until("the offboarding is done", async () => (await this.page.locator("dl .pill").first().innerText()).includes("Done"));
    must(await this.page.evaluate(() => window.isTheSamePage), "without loading the page again");
  }

  /** Someone's row on a simulator's page. */
  row(address) {
    return this.page.getByRole("row", { name: address });
  }
}

async function signIn(walk) {
  const { page, dev } = walk;
  await page.goto(dev.said.sign_in_url);
  await page.waitForURL(`${dev.url}/app`);
  const me = await page.locator(".me").innerText();
  must(me.includes("Priya Shah") && me.includes("Admin"), me);
  await page.getByText("Simulated: these people and tools are not real.").waitFor();
  await walk.looks("dashboard");
}

async function leave(walk) {
  const { page } = walk;
  await walk.offboard("Dana Lee", "dana@acme.test");
  await walk.isDone();
  const bars = await page.locator("svg.waterfall rect").count();
  must(bars >= 9, `${bars} bars`);
  await walk.looks("offboarding");
}

async function tools(walk) {
  const { page, dev } = walk;
  await page.goto(dev.page("slack"));
  must((await walk.row("dana@acme.test").innerText()).includes("deactivated"), "Dana is gone from Slack");
  must(!(await walk.row("maya@acme.test").innerText()).includes("deactivated"), "Maya is not");
  await walk.looks("a tool");
  await page.getByRole("link", { name: "Okta", exact: true }).click();
  await walk.row("maya@acme.test").getByRole("button", { name: "Deactivate" }).click();
  await page.getByText("Done.").waitFor();
  await walk.looks("the tenant");
  await page.goto(`${dev.url}/app/team?q=maya`);
  await until("Ceven knows of Maya", async () => {
    await page.reload();
    return (await page.getByRole("row", { name: "Maya" }).innerText()).includes("Deactivated");
  });
  await page.goto(dev.page("slack"));
  // The page of a tool moves by itself.
  await walk.row("maya@acme.test").getByText("deactivated").waitFor();
}

async function faults(walk) {
  const { page, dev } = walk;
  await page.goto(dev.page("slack"));
  await page.getByLabel("Fault").selectOption("502");
  await page.getByLabel("Times").fill("100");
  await page.getByLabel("Only paths that begin").fill("/scim");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByText("The fault waits for its request.").waitFor();
  await walk.looks("a tool, broken");
  await page.goto(`${dev.url}/app`);
  await walk.offboard("Lou Berg", "lou@acme.test");
  const slack = page.locator("section", { has: page.getByRole("heading", { name: "Slack", exact: true }) }).last();
  await until("Slack is tried again", async () => /([2-9]|\d\d) tries/.test(await slack.innerText()));
  await walk.looks("offboarding, tried again");
  const other = await walk.context.newPage();
  await other.goto(dev.page("slack"));
  await other.getByRole("button", { name: "Reset all" }).click();
  await other.getByText("No more faults.").waitFor();
  await other.close();
  await walk.isDone();
}

async function evidence(walk) {
  const { page, dev, world } = walk;
  await page.goto(`${dev.url}/app/offboardings`);
  await page.getByRole("link", { name: "dana@acme.test" }).click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download the evidence" }).click()]);
  const saved = join(world.ceven.folder, "evidence.zip");
  await file.saveAs(saved);
  const verified = await world.ceven.verb(["audit", "verify", saved]);
  must(verified.ok, JSON.stringify(verified));
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Audit log" }).click();
  await walk.looks("audit log");
  await page.getByText("What the log proves").click();
  await page.getByRole("button", { name: "Verify the whole log now" }).click();
  await page.getByText("every one follows the one before").waitFor();
}

const STOPS = [
  ["the sign-in link signs in with the simulated Okta", signIn],
  ["Dana leaves nine tools while the bars are watched", leave],
  ["Dana is gone from a tool's page; whom Okta's page deactivates is gone too", tools],
  ["a tool that is broken on its page is tried again, and is done when it is mended", faults],
  ["the evidence verifies offline, and so does the log", evidence],
];

export async function tour(world) {
  const dev = await Dev.start(world.ceven.binary, world.ceven.folder);
  try {
    const one = await new Browsing(world.browsing.browser, dev).someone();
    const walk = new Walk(one, dev, world);
    for (const [name, stop] of STOPS) {
      await check(`the tour: ${name}`, async () => {
        await stop(walk);
        const all = walk.complaints.take();
        must(all.length === 0, all.join("\n"));
      });
    }
    await one.context.close();
  } finally {
    await check("the tour: it ends well", async () => must(await dev.stop(), "ceven dev ended with an error"));
  }
}
