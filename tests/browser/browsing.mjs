// Browsers of people: each has cookies of its own, and whatever its console, its pages or the content security policy
// complain about is kept.
import { must } from "./report.mjs";
import { ADMIN, ORG, PASSWORD } from "./seed.mjs";

/**
 * What a page complains about. Two things are none: an answer with an error's status, since pages of errors are asked for
 * on purpose, and Chromium's hints on forms with several passwords ("verbose"), which it takes a tool's secrets for.
 */
export class Complaints {
  all = [];

  listen(page) {
    page.on("console", (message) => {
      const isStatus = /Failed to load resource: the server responded with a status/.test(message.text());
      if (!isStatus && message.type() !== "verbose") this.all.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.all.push(`error: ${error.message}`));
    page.on("requestfailed", (request) => {
      // What a page still wanted when it was left is aborted, streams of events among it.
      const why = request.failure()?.errorText ?? "";
      if (!why.includes("ERR_ABORTED")) this.all.push(`failed: ${request.url()}: ${why}`);
    });
  }

  take() {
    return this.all.splice(0);
  }
}

export class Browsing {
  constructor(browser, ceven) {
    Object.assign(this, { browser, ceven });
  }

  /** Somebody's browser, not signed in. */
  async someone(options = {}) {
    const context = await this.browser.newContext({ baseURL: this.ceven.url, viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    const complaints = new Complaints();
    complaints.listen(page);
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    return { context, page, complaints };
  }

  /** The local admin's browser, signed in through the form. */
  async admin(options) {
    const one = await this.someone(options);
    await one.page.goto("/login");
    await one.page.getByText("Local admin").click();
    await signInLocally(one.page);
    return one;
  }
}

/** Fills the form of local admins, which is open. */
export async function signInLocally(page) {
  await page.getByLabel("Organization", { exact: true }).fill(ORG);
  await page.getByLabel("Work email", { exact: true }).fill(ADMIN);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/app");
  must((await page.title()).startsWith("Dashboard"), await page.title());
}
