// People sign in through the real flow, in every way the product page names, and are refused with words they understand.
import { check, must } from "./report.mjs";
import { person } from "./seed.mjs";

/** Picks who one is at the provider. */
async function pick(page, name) {
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  await page.getByRole("link", { name, exact: true }).click();
}

/** Signs out in the console, and at the provider that the browser is taken to. */
export async function signOut(page, { provider, ceven }) {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign out of Acme?" }).waitFor();
  must(page.url().startsWith(`${provider.issuer}/`), page.url());
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByText("the one at Okta with it").waitFor();
  must(page.url().startsWith(`${ceven.url}/login?state=`), page.url());
}

async function mayRead(page, words) {
  const alert = page.getByRole("alert");
  await alert.waitFor();
  must((await alert.innerText()).includes(words), `the page says: ${await alert.innerText()}`);
}

export async function signIn(world) {
  const { browsing, provider, ceven, scim } = world;
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
    await signOut(page, world);
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

  await inBrowser("who signs out is signed out at the provider too, which asks anew", async (page) => {
    const start = `/api/v1/sso/okta/oidc/start?iss=${encodeURIComponent(provider.issuer)}`;
    await page.goto(start);
    await pick(page, person("Grace").name);
    await page.waitForURL(`${ceven.url}/app`);
    // Signed in there, nobody is asked again.
    await page.goto(start);
    await page.waitForURL(`${ceven.url}/app`);
    await signOut(page, world);
    await page.reload();
    must(!(await page.innerText("main")).includes("You are signed out"), "the page says it once");
    await page.goto("/app");
    must(page.url().includes("/login"), "the session here is over");
    await page.goto(start);
    await pick(page, person("Hana").name);
    await page.waitForURL(`${ceven.url}/app`);
    must((await page.locator(".me").innerText()).includes("Hana Sato"), "someone else may sign in with this browser");
  });

  await inBrowser("who stays signed in at the provider is out of Ceven all the same", async (page) => {
    await page.goto(`/api/v1/sso/okta/oidc/start?iss=${encodeURIComponent(provider.issuer)}`);
    await pick(page, person("Grace").name);
    await page.waitForURL(`${ceven.url}/app`);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign out of Acme?" }).waitFor();
    await page.goto("/app");
    must(page.url().startsWith(`${ceven.url}/login`), "the session here ended first");
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
