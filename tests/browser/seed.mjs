// An organization that looks like one: people and groups pushed by SCIM, tools of which some fail, leavers, and requests
// that are refused.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { must, until } from "./report.mjs";
import { Receiver, ScimTool } from "./tools.mjs";

export const ORG = "acme";
export const PASSWORD = "correct horse battery staple";
export const ADMIN = "ops@acme.example";

const NAMES = `Ada Wong, Amir Haddad, Ana Souza, Bea Lindqvist, Ben Okafor, Carla Mendes, Chen Wei, Dana Lee, David Novak,
  Elif Demir, Emma Fischer, Farid Rahimi, Femi Adeyemi, Grace Kim, Hana Sato, Hugo Martin, Ines Costa, Ivan Petrov, Jamal Carter,
  Jonas Weber, Julia Rossi, Kofi Mensah, Lara Jensen, Leo Bauer, Lina Haddad, Lucas Silva, Maya Patel, Mei Tanaka, Milan Horvat,
  Nadia Karim, Noah Cohen, Nora Berg, Omar Farouk, Paula Ortega, Priya Raman, Quinn Murphy, Rosa Marino, Samir Aziz, Tess de Vries,
  Yara Haddad`;

/** Everyone whom the tenant knows: Okta id, names, address. */
export const PEOPLE = NAMES.split(",").map((name, number) => {
  const [given, ...family] = name.trim().split(/\s+/);
  const userName = `${given}.${family.join("")}@acme.example`.toLowerCase();
  return { id: `00u${String(number + 1).padStart(17, "0")}`, given, family: family.join(" "), name: `${given} ${family.join(" ")}`, userName };
});

/** One of them by given name. */
export const person = (given) => PEOPLE.find((one) => one.given === given);

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const GROUPS = { Engineering: [0, 14], Sales: [14, 24], Finance: [24, 29], "People Ops": [29, 34], "All staff": [0, 40] };
const ROLES = { Priya: "admin", Hana: "member", Jonas: "member" };

/** What Okta does over SCIM, with one token. */
export class Scim {
  constructor(base, token) {
    Object.assign(this, { base, token });
  }

  async send(method, path, body, token = this.token) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/scim+json", "user-agent": "Okta SCIM Client 1.0.0" };
    const answer = await fetch(`${this.base}/${path}`, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  }

  async create(one, extra = {}) {
    const user = { schemas: [USER], externalId: one.id, userName: one.userName, active: true, displayName: one.name,
      name: { givenName: one.given, familyName: one.family }, emails: [{ value: one.userName, type: "work", primary: true }], ...extra };
    return this.send("POST", "Users", user);
  }

  patch(id, operations) {
    return this.send("PATCH", `Users/${id}`, { schemas: [PATCH], Operations: operations });
  }

  deactivate(id) {
    return this.patch(id, [{ op: "replace", path: "active", value: false }]);
  }
}

/** Pushes people and groups in Okta's request order; Okta id → id here. */
export async function push(scim) {
  for (const path of ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Users?startIndex=1&count=2", "Roles"]) {
    must((await scim.send("GET", path)).status === 200, `GET ${path}`);
  }
  const ids = {};
  for (const one of PEOPLE) {
    await scim.send("GET", `Users?filter=${encodeURIComponent(`userName eq "${one.userName}"`)}&startIndex=1&count=100`);
    const role = ROLES[one.given];
    const { status, body } = await scim.create(one, role && { roles: [{ value: role, primary: true }] });
    must(status === 201, `${one.userName} was answered ${status}`);
    ids[one.id] = body.id;
  }
  for (const [displayName, range] of Object.entries(GROUPS)) {
    const members = PEOPLE.slice(...range).map((one) => ({ value: ids[one.id], display: one.userName }));
    const { status } = await scim.send("POST", "Groups", { schemas: [GROUP], displayName, members });
    must(status === 201, `the group ${displayName} was answered ${status}`);
  }
  return ids;
}

/** Tools, most of which work. The names are what the console shows. */
export async function connectTools(ceven) {
  let slips = 0;
  const tools = {
    Notion: await ScimTool.start(PEOPLE),
    Figma: await ScimTool.start(PEOPLE),
    // Wants fewer requests at the first two writes of a leaver, then obeys.
    Zendesk: await ScimTool.start(PEOPLE, (request) => (request.method !== "GET" && (slips += 1) % 3 !== 0 ? 429 : 0)),
    // Its administrator has not given the right to change people.
    "Legacy CRM": await ScimTool.start(PEOPLE, (request) => (request.method === "GET" ? 0 : 403)),
    Payroll: await Receiver.start(),
  };
  for (const [name, tool] of Object.entries(tools)) {
    const file = join(ceven.folder, "tool.json");
    writeFileSync(file, JSON.stringify(tool.settings), { mode: 0o600 });
    const kind = tool instanceof Receiver ? "webhook" : "scim";
    await ceven.verb(["connector", "add", "--org", ORG, "--kind", kind, "--name", name, "--config-file", file]);
  }
  return tools;
}

/** Leavers: two by SCIM, one from the command line. Their offboardings, settled as far as they go. */
export async function offboard(ceven, scim, ids) {
  for (const given of ["Ivan", "Quinn"]) must((await scim.deactivate(ids[person(given).id])).status === 200, given);
  await ceven.run(["user", "offboard", person("Tess").userName, "--org", ORG, "--reason", "Contract ended"]);
}

/** Requests that are refused, as an admin who sets Okta up makes them. */
export async function refuse(scim) {
  const one = person("Ada");
  const expected = [
    [401, await scim.send("GET", "Users", undefined, "not-a-token")],
    [404, await scim.send("GET", "Users/Users/ServiceProviderConfig")],
    [409, await scim.create(one)],
    [400, await scim.send("GET", "Users?filter=userName%20is%20ada")],
    [404, await scim.send("PATCH", "Users/00000000-0000-4000-8000-000000000000", { schemas: [PATCH], Operations: [{ op: "replace", path: "active", value: false }] })],
  ];
  for (const [status, answer] of expected) must(answer.status === status, `${status} was ${answer.status}: ${JSON.stringify(answer.body)}`);
}

/** Everything above on a new server. */
export async function seed(ceven) {
  await ceven.verb(["org", "create", "--name", "Acme Corporation", "--slug", ORG, "--domain", "acme.example"]);
  await ceven.verb(["admin", "create", "--org", ORG, "--email", ADMIN, "--password-stdin"], PASSWORD);
  const { token } = await ceven.verb(["token", "mint", "--org", ORG, "--label", "okta-production"]);
  await ceven.verb(["token", "mint", "--org", ORG, "--label", "siem-export", "--kind", "audit", "--expires-in", "10d"]);
  const scim = new Scim(ceven.scim, token);
  const ids = await push(scim);
  const tools = await connectTools(ceven);
  await offboard(ceven, scim, ids);
  await refuse(scim);
  // Ada and Ben have left since: nobody but Okta may let them in again.
  for (const given of ["Ben"]) must((await scim.deactivate(ids[person(given).id])).status === 200, given);
  await until("the webhook was delivered for every leaver", () => tools.Payroll.deliveries.length >= 4);
  return { scim, ids, tools };
}
