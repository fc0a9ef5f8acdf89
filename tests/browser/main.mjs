// The console in a real browser: `node main.mjs CEVEN FOLDER [--screenshots FOLDER]`.
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { Browsing } from "./browsing.mjs";
import { guide } from "./guide.mjs";
import { looks } from "./looks.mjs";
import { plain } from "./plain.mjs";
import { Provider } from "./provider.mjs";
import { check, suite, sum } from "./report.mjs";
import { ORG, PEOPLE, seed } from "./seed.mjs";
import { Ceven, freePort } from "./server.mjs";
import { signIn } from "./sign_in.mjs";
import { tour } from "./tour.mjs";
import { work } from "./work.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { screenshots: { type: "string" }, only: { type: "string" } } });
const [binary, folder] = positionals;

if (values.screenshots) mkdirSync(values.screenshots, { recursive: true });
const ceven = await Ceven.start(binary, folder);
const people = Object.fromEntries(PEOPLE.map(({ id, name, userName }) => [id, { email: userName, email_verified: true, name }]));
people["00unewcomer"] = { email: "nell.newcomer@acme.example", email_verified: true, name: "Nell Newcomer" };
const provider = await Provider.start(await freePort(), ceven.url, people);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--disable-quic"] });
let world;
try {
  await check("the server is seeded, and connected to the provider", async () => {
    world = { ceven, provider, browsing: new Browsing(browser, ceven), screenshots: values.screenshots, ...(await seed(ceven)) };
    await ceven.verb(["okta", "set", "--org", ORG, "--issuer", provider.issuer, "--client-id", provider.clientId, "--client-secret-stdin"], provider.clientSecret);
  });
  // The tour has a server of its own, so it is taken while pages are looked at.
  for (const runs of world ? [[guide], [signIn], [work], [plain], [looks, tour]] : []) {
    const wanted = runs.filter((run) => !values.only || values.only === run.name);
    await Promise.all(wanted.map((run) => suite(run, world)));
  }
} finally {
  await browser.close();
  provider.stop();
  for (const tool of Object.values(world?.tools ?? {})) tool.stop();
  await ceven.stop();
}
process.exitCode = sum() > 0 ? 1 : 0;
