// The essentials in a browser without JavaScript.
import { check, must, until } from "./report.mjs";
import { person } from "./seed.mjs";
import { signOut } from "./sign_in.mjs";

export async function plain(world) {
  const { browsing, ceven, ids, scim } = world;
  const options = { javaScriptEnabled: false };
  await check("without JavaScript: signing in through the provider, and out at both", async () => {
    const { context, page } = await browsing.someone(options);
    await page.goto("/login");
    await page.getByLabel("Okta issuer").fill(person("Grace").userName);
    await page.getByRole("button", { name: "Sign in with Okta" }).click();
    await page.getByRole("link", { name: person("Grace").name, exact: true }).click();
    await page.waitForURL(`${ceven.url}/app`);
    must((await page.locator(".me").innerText()).includes("Grace Kim"), await page.locator(".me").innerText());
    await signOut(page, world);
    await context.close();
  });
  const { context, page } = await browsing.admin(options);
  await check("without JavaScript: a token is minted and revoked", async () => {
    await page.goto("/app/sso/tokens");
    await page.getByText("New Token").click();
    await page.getByLabel("Label").fill("by-hand");
    await page.getByRole("button", { name: "Generate" }).click();
    const raw = await page.locator("code#token").innerText();
    must((await scim.send("GET", "Users?count=1", undefined, raw)).status === 200, "SCIM takes the token");
    await page.getByRole("link", { name: "I have stored it" }).click();
    await page.getByRole("row", { name: "by-hand" }).getByRole("link", { name: "Revoke" }).click();
    await page.getByRole("button", { name: "Revoke token" }).click();
    await page.getByText("The token was revoked.").waitFor();
    must((await scim.send("GET", "Users?count=1", undefined, raw)).status === 401, "and refuses it at once");
  });
  await check("without JavaScript: a role is given, the log is filtered", async () => {
    await page.goto(`/app/team/${ids[person("Jonas").id]}`);
    await page.getByRole("radio", { name: "Employee" }).check();
    await page.getByRole("button", { name: "Save role" }).click();
    await page.getByText("The role was changed.").waitFor();
    await page.goto("/app/audit");
    await page.getByRole("link", { name: "Role changes" }).click();
    must((await page.locator("table.log tbody tr").count()) > 0, "the change is in the log");
  });
  await check("without JavaScript: someone is offboarded, and a reload shows how far it is", async () => {
    const leaver = person("Omar");
    await page.goto(`/app/team/${ids[leaver.id]}/offboard`);
    await page.getByLabel(/to confirm/).fill(leaver.userName);
    await page.getByRole("button", { name: "Offboard now" }).click();
    await page.waitForURL("**/app/offboardings/*");
    await until("every tool that can has let them go", async () => {
      await page.reload();
      return (await page.locator("dl .pill").first().innerText()).includes("Needs attention");
    });
  });
  await context.close();
}
