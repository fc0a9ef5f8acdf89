// People sign in through the real flow, in every way the product page names, and are refused with words they understand.
import { check, must } from "./report.mjs";
import { person } from "./seed.mjs";

/** Picks who one is at the provider. */
async function pick(page, name) {
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  await page.getByRole("link", { name, exact: true }).click();
}

async function mayRead(page, words) {
  const alert = page.getByRole("alert");
  await alert.waitFor();
  must((await alert.innerText()).includes(words), `the page says: ${await alert.innerText()}`);
}

export async function signIn({ browsing, provider, ceven, scim }) {
  const inBrowser = (name, run) =>
    check(name, async () => {
      const { context, page, complaints } = await browsing.someone();
      await run(page, context);
      const all = complaints.take().filter((one) => !one.includes(provider.issuer));
      must(all.length === 0, all.join("\n"));
      await context.close();
    });

  await inBrowser("a first sign-in by work email makes an employee; signing out ends the session", async (page, context) => {
    await page.goto("/login");
    await page.getByLabel("Okta issuer").fill("nell.newcomer@acme.example");
    await page.getByRole("button", { name: "Sign in with Okta" }).click();
    await page.waitForURL(`${provider.issuer}/**`);
    must((await page.locator("#hint").innerText()) === "nell.newcomer@acme.example", "the hint reaches the provider");
    await pick(page, "Nell Newcomer");
    await page.waitForURL(`${ceven.url}/app`);
    must((await page.locator(".me").innerText()).includes("Employee"), await page.locator(".me").innerText());
    must((await page.getByRole("navigation", { name: "Main" }).innerText()).includes("Audit log") === false, "an employee sees no audit log");
    const cookie = (await context.cookies()).find(({ name }) => name === "ceven_session");
    must(cookie.httpOnly && cookie.sameSite === "Lax", JSON.stringify(cookie));
    const forbidden = await page.goto("/app/audit");
    must(forbidden.status() === 403 && (await page.innerText("main")).includes("You may not do this"), "an employee may not read the log");
    await page.goto("/app");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out").waitFor();
    await context.addCookies([cookie]);
    await page.goto("/app");
    must(page.url().includes("/login"), "a cookie of an ended session opens nothing");
  });

  await inBrowser("a sign-in by the issuer's address", async (page) => {
    await page.goto("/login");
    await page.getByLabel("Okta issuer").fill(provider.issuer);
    await page.getByRole("button", { name: "Sign in with Okta" }).click();
    await pick(page, person("Grace").name);
    await page.waitForURL(`${ceven.url}/app`);
    must((await page.locator(".me").innerText()).includes("Grace Kim"), await page.locator(".me").innerText());
  });

  await inBrowser("the tile signs in whom SCIM has provisioned, with the role that it gave, and nobody twice", async (page) => {
    await page.goto(`/api/v1/sso/okta/oidc/start?iss=${encodeURIComponent(provider.issuer)}`);
    await pick(page, person("Priya").name);
    await page.waitForURL(`${ceven.url}/app`);
    must((await page.locator(".me").innerText()).includes("Admin"), await page.locator(".me").innerText());
    await page.goto("/app/audit?action=session.start");
    must((await page.innerText("table.log")).includes(person("Priya").userName), "the sign-in is in the log");
    const { body } = await scim.send("GET", `Users?filter=${encodeURIComponent(`userName eq "${person("Priya").userName}"`)}`);
    must(body.totalResults === 1, `${body.totalResults} users have this name`);
  });

  await inBrowser("someone deactivated is refused in words", async (page) => {
    await page.goto(`/api/v1/sso/okta/oidc/start?iss=${encodeURIComponent(provider.issuer)}`);
    await pick(page, person("Ben").name);
    await mayRead(page, "Your access has ended");
    await page.goto("/app");
    must(page.url().includes("/login"), "and nothing is open to them");
  });

  await inBrowser("someone who declines at the provider reads what that means", async (page) => {
    await page.goto("/login");
    await page.getByLabel("Okta issuer").fill("grace.kim@acme.example");
    await page.getByRole("button", { name: "Sign in with Okta" }).click();
    await pick(page, "Decline");
    await mayRead(page, "Okta did not let you in");
  });

  await inBrowser("an address of no organization gets an answer on our own page", async (page) => {
    await page.goto("/login");
    await page.getByLabel("Okta issuer").fill("someone@nowhere.example");
    await page.getByRole("button", { name: "Sign in with Okta" }).click();
    await mayRead(page, "No organization was found");
  });
}
