// Every page in both themes and three widths: nothing complains, nothing sticks out, and axe finds nothing.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import axe from "axe-core";

import { check, must } from "./report.mjs";
import { ORG, person } from "./seed.mjs";

const WIDTHS = [390, 1280, 1920];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** Name → address, those of people, tools, entries and offboardings found in the console itself. */
async function addresses(page, ids) {
  const found = {
    dashboard: "/app",
    team: "/app/team",
    team_filtered_empty: "/app/team?q=nobody-of-this-name",
    person: `/app/team/${ids[person("Priya").id]}`,
    person_left: `/app/team/${ids[person("Ivan").id]}`,
    offboard: `/app/team/${ids[person("Maya").id]}/offboard`,
    offboardings: "/app/offboardings",
    tools: "/app/connectors",
    setup_guide: "/app/sso",
    okta: "/app/sso/okta",
    tokens: "/app/sso/tokens",
    requests: "/app/sso/requests",
    audit: "/app/audit",
    audit_filtered_empty: "/app/audit?action=nothing.like.this",
    settings: "/app/settings",
    not_found: "/app/nowhere",
    not_a_person: "/app/team/00000000-0000-4000-8000-000000000000",
    bad_filter: "/app/audit?from=yesterday",
  };
  const first = async (name, from, links) => {
    await page.goto(from);
    const links_ = await page.locator(links).evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    must(links_.length > 0, `${from} links to no ${name}`);
    links_.forEach((address, number) => (found[number ? `${name}_${number + 1}` : name] = address));
  };
  await first("offboarding", "/app/offboardings", "tbody th a >> nth=0");
  await first("audit_entry", "/app/audit?action=user.role", "td.number a >> nth=0");
  await first("token_rotate", "/app/sso/tokens", "td.actions a >> nth=0");
  await first("token_revoke", "/app/sso/tokens", "td.actions a >> nth=1");
  await first("tool", "/app/connectors", "tbody th a >> nth=0");
  await first("new", "/app/connectors", ".chips a");
  return found;
}

async function judge(page, complaints, name, address, theme, screenshots) {
  await page.goto(address, { waitUntil: "load" });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    must(over <= 0, `${address} sticks out by ${over} px at ${width} px`);
    if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.${theme}.${width}.png`), fullPage: true });
    if (width === 1920 || (width === 390 && theme === "dark")) continue;
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

export async function looks({ browsing, ids, screenshots }) {
  if (screenshots) mkdirSync(screenshots, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    const { context, page, complaints } = await browsing.admin({ colorScheme });
    const pages = await addresses(page, ids);
    complaints.take();
    for (const [name, address] of Object.entries(pages)) {
      await check(`${name}, ${colorScheme}`, () => judge(page, complaints, name, address, colorScheme, screenshots));
    }
    await context.close();
    const stranger = await browsing.someone({ colorScheme });
    const doors = { login: "/login", login_refused: "/login?okta_sso_error=user_deactivated", login_local: `/login?org=${ORG}`, signed_out: "/login?reason=signed_out" };
    for (const [name, address] of Object.entries(doors)) {
      await check(`${name}, ${colorScheme}`, () => judge(stranger.page, stranger.complaints, name, address, colorScheme, screenshots));
    }
    await stranger.context.close();
  }
}
