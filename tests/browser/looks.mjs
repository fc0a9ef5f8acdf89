// Every page in both themes and three widths: nothing complains, nothing sticks out, and axe finds nothing.
import { join } from "node:path";

import axe from "axe-core";

import { check, must, until } from "./report.mjs";
import { ORG, person } from "./seed.mjs";

const WIDTHS = [390, 1280, 1920];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** What no link leads to, and states of pages: address, and under which name it is reported. */
const STATES = (ids) => ({
  "/app": "dashboard",
  "/app/team?q=nobody-of-this-name": "team, filtered empty",
  [`/app/team/${ids[person("Priya").id]}`]: "person, signed in",
  [`/app/team/${ids[person("Ivan").id]}`]: "person, left",
  "/app/audit?action=nothing.like.this": "audit log, filtered empty",
  "/app/audit?from=yesterday": "audit log, bad filter",
  "/app/audit?action=user.patch&done=saved": "audit log, something was saved",
  "/app/offboardings/report?from=2020-01-01&to=2020-01-02": "report, empty",
  "/app/nowhere": "not found",
  "/app/team/00000000-0000-4000-8000-000000000000": "not a person",
});
const DOORS = {
  "/login": "sign-in",
  "/login?okta_sso_error=user_deactivated": "sign-in, refused",
  "/login?okta_sso_error=okta_email_unverified": "sign-in, address not verified",
  [`/login?org=${ORG}`]: "sign-in, organization known",
  "/login?reason=signed_out": "signed out",
};

/** An address without what names one thing of many. */
const kind = (address) => address.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "{id}").replace(/\/\d+(?=\/|$)/g, "/{number}");

/** Addresses of pages that the page links to: one of each kind is enough. */
const links = (page) => page.locator('a[href^="/app"]:not([download])').evaluateAll((all) => all.map((link) => link.getAttribute("href")));

/** Judges the page that is shown. */
export async function judge({ page, complaints }, name, theme, screenshots) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    must(over <= 0, `${page.url()} sticks out by ${over} px at ${width} px`);
    if (screenshots) await page.screenshot({ path: join(screenshots, `${name.replace(/[^a-z]+/g, "-").replace(/^-|-$/g, "")}.${theme}.${width}.png`), fullPage: true });
    if (width === 1920) continue;
    const all = complaints.take();
    must(all.length === 0, all.join("\n"));
    const { violations } = await page.evaluate(async ([source, tags]) => {
      if (!window.axe) (0, eval)(source);
      return window.axe.run(document, { runOnly: { type: "tag", values: tags }, preload: false, resultTypes: ["violations"] });
    }, [axe.source, TAGS]);
    const words = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
    must(words.length === 0, `${width} px: ${words.join("\n")}`);
    complaints.take();
  }
}

/** Pages that come of a form: where it is, what is done with it, and what shows that it was. */
const FORMS = {
  "check-up, done": ["/app/settings/doctor", (page) => page.getByRole("button", { name: "Check now" }).click(), "The database answers"],
  "a tool, its accounts looked up": ["/app/connectors", lookUp, "One account"],
  "a tool, refused": ["/app/connectors/new/slack", refuse, "is no address of Slack"],
};

/** A tool of its own for each theme: nobody is looked up twice at a time. */
async function lookUp(page, colorScheme) {
  await page.getByRole("link", { name: colorScheme === "light" ? "Figma" : "Notion" }).click();
  await page.getByRole("button", { name: "Look everyone up" }).click();
  await until("everyone was looked up", async () => {
    if ((await page.getByText("One account").count()) > 0) return true;
    await page.goto(page.url().split("?")[0]);
    return false;
  });
}

async function refuse(page) {
  await page.getByLabel("Token").fill("xoxp-1");
  await page.getByLabel("SCIM address").fill("https://slack.com.example");
  await page.getByRole("button", { name: "Connect" }).click();
}

async function forms(one, colorScheme, screenshots) {
  for (const [name, [address, fill, words]] of Object.entries(FORMS)) {
    await check(`${name}, ${colorScheme}`, async () => {
      await one.page.goto(address);
      await fill(one.page, colorScheme);
      await one.page.locator("main").getByText(new RegExp(words)).first().waitFor();
      await judge(one, name, colorScheme, screenshots);
    });
  }
}

/** Judges the pages of `start` and every kind of page that they lead to. */
async function walk(one, start, colorScheme, screenshots) {
  const { page, complaints } = one;
  const queue = Object.entries(start);
  const known = new Set(queue.map(([address]) => kind(address)));
  complaints.take();
  for (let [address, name] = queue.shift(); address; [address, name] = queue.shift() ?? []) {
    await check(`${name}, ${colorScheme}`, async () => {
      await page.goto(address, { waitUntil: "load" });
      await judge(one, name, colorScheme, screenshots);
    });
    for (const next of (await links(page)).filter((link) => !link.includes("?") && !link.includes("#") && !known.has(kind(link)))) {
      if (known.has(kind(next))) continue;
      known.add(kind(next));
      queue.push([next, kind(next)]);
    }
  }
  return known;
}

async function theme({ browsing, ids, screenshots }, colorScheme) {
  const admin = await browsing.admin({ colorScheme });
  const known = await walk(admin, STATES(ids), colorScheme, screenshots);
  await check(`every part of the console was reached, ${colorScheme}`, () => {
    const parts = ["/app/team", "/app/offboardings/{id}", "/app/connectors/{id}", "/app/sso", "/app/sso/okta", "/app/sso/tokens/{id}/rotate", "/app/sso/requests", "/app/audit/{number}", "/app/settings"];
    for (const part of parts) must(known.has(part), `nothing leads to ${part}`);
  });
  await forms(admin, colorScheme, screenshots);
  await admin.context.close();
  const stranger = await browsing.someone({ colorScheme });
  await walk(stranger, DOORS, colorScheme, screenshots);
  await stranger.context.close();
}

/** Both themes at the same time, each in a browser of its own. */
export async function looks(world) {
  await Promise.all(["light", "dark"].map((colorScheme) => theme(world, colorScheme)));
}
