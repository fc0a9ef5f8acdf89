// Tools on the loopback that Ceven removes people from: SCIM servers with accounts, and a receiver of webhooks.
import { createServer } from "node:http";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";

async function listen(answer) {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => answer(request, body, response));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

/** A SCIM server (RFC 7644) with accounts of these people. `mood` may refuse a request: `(request, count) => status`. */
export class ScimTool {
  token = "tool-secret";
  delayMs = 0;
  writes = 0;
  accounts = new Map();

  static async start(people, mood = () => 0) {
    const tool = new ScimTool();
    for (const { id, userName } of people) tool.accounts.set(`t-${id}`, { schemas: [USER], id: `t-${id}`, externalId: id, userName, active: true });
    tool.mood = mood;
    Object.assign(tool, await listen((request, body, response) => setTimeout(() => tool.#answer(request, body, response), tool.delayMs)));
    return tool;
  }

  #answer(request, body, response) {
    const reply = (status, value, headers = {}) => {
      response.writeHead(status, { "content-type": "application/scim+json", ...headers });
      response.end(status === 204 ? undefined : JSON.stringify(value));
    };
    const isWrite = request.method !== "GET";
    if (isWrite) this.writes += 1;
    const refused = this.mood(request, this.writes);
    if (refused) return reply(refused, { status: String(refused), detail: "The tool refuses this." }, refused === 429 ? { "retry-after": "2" } : {});
    if (request.headers.authorization !== `Bearer ${this.token}`) return reply(401, { status: "401", detail: "Who is this?" });
    const url = new URL(request.url, this.url);
    const [, , , kind, id] = url.pathname.split("/");
    if (kind === "ServiceProviderConfig") return reply(200, { patch: { supported: true }, filter: { supported: true, maxResults: 200 } });
    const account = this.accounts.get(id);
    if (id && !account) return reply(404, { status: "404", detail: "No such user." });
    if (id && request.method === "PATCH") {
      for (const { value } of JSON.parse(body).Operations) account.active = value === false ? false : account.active;
      return reply(204);
    }
    if (id) return reply(200, account);
    const [, name, value] = /^(\w+) eq "(.*)"$/.exec(url.searchParams.get("filter") ?? "") ?? [];
    const found = [...this.accounts.values()].filter((one) => !name || (one[name] ?? "").toLowerCase() === value.toLowerCase());
    return reply(200, { totalResults: found.length, Resources: found.slice(0, Number(url.searchParams.get("count") ?? 100)) });
  }

  get settings() {
    return { base_url: `${this.url}/scim/v2`, token: this.token };
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** A receiver of webhooks that takes everything. */
export class Receiver {
  deliveries = [];
  secret = `whsec_${Buffer.from("a secret of the browser tests, 32").toString("base64")}`;

  static async start() {
    const receiver = new Receiver();
    Object.assign(receiver, await listen((request, body, response) => {
      // A check only looks whether somebody is there.
      if (request.method === "POST") receiver.deliveries.push(JSON.parse(body));
      response.writeHead(204).end();
    }));
    return receiver;
  }

  get settings() {
    return { url: `${this.url}/ceven`, secret: this.secret };
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
