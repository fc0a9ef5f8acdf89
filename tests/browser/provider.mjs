// A third-party OpenID provider (npm oidc-provider) in Okta's place: its own key, its own client, and a page on which
// one picks who one is, or declines, and one on which one signs out.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";

import { Provider as OpenIdProvider } from "oidc-provider";

const escape = (text) => text.replace(/[&<>"]/g, (mark) => `&#${mark.codePointAt(0)};`);

/** Asks whether somebody wants to go; `form` is the provider's, which the buttons send. */
function goodbye(context, form) {
  context.body = `<!doctype html><html lang="en"><title>Acme sign-out</title><h1>Sign out of Acme?</h1>${form}
    <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out everywhere</button>
    <button type="submit" form="op.logoutForm">Stay</button></html>`;
}

/** A running provider with people who can sign in: id → { email, email_verified, name }. */
export class Provider {
  clientId = "0oaceventest";
  clientSecret = randomBytes(24).toString("base64url");
  key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

  /** `url` is Ceven's: the provider sends people to no other. */
  static async start(port, url, people) {
    const provider = new Provider();
    provider.issuer = `http://127.0.0.1:${port}`;
    provider.people = people;
    provider.inner = new OpenIdProvider(provider.issuer, provider.#settings(url));
    provider.inner.on("server_error", (_, error) => console.log("the provider failed:", error));
    const answer = provider.inner.callback();
    provider.server = createServer((request, response) => {
      if (!request.url.startsWith("/pick/")) return answer(request, response);
      provider.#pick(request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    await new Promise((resolve) => provider.server.listen(port, "127.0.0.1", resolve));
    return provider;
  }

  #settings(url) {
    const key = { ...this.key.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" };
    const addresses = { redirect_uris: [`${url}/api/v1/sso/okta/oidc/callback`], post_logout_redirect_uris: [`${url}/login`] };
    return {
      clients: [{ client_id: this.clientId, client_secret: this.clientSecret, ...addresses, grant_types: ["authorization_code"], response_types: ["code"] }],
      jwks: { keys: [key] },
      ttl: { Interaction: 600, Grant: 600, Session: 600, AuthorizationCode: 60, AccessToken: 600, IdToken: 600 },
      cookies: { keys: [randomBytes(24).toString("base64url")] },
      claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
      // As Okta's organization server does: the claims are in the ID token itself.
      conformIdTokenClaims: false,
      features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true, logoutSource: goodbye } },
      interactions: { url: (_, interaction) => `/pick/${interaction.uid}` },
      findAccount: (_, id) => this.people[id] && { accountId: id, claims: () => ({ sub: id, preferred_username: this.people[id].email, ...this.people[id] }) },
      // An admin has consented for everyone.
      loadExistingGrant: async (context) => {
        const grant = new context.oidc.provider.Grant({ clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
        grant.addOIDCScope("openid email profile");
        await grant.save();
        return grant;
      },
    };
  }

  /** A JWT of this type, signed with the provider's key. */
  sign(typ, claims) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const message = `${part({ typ, alg: "RS256", kid: "one" })}.${part(claims)}`;
    return `${message}.${sign("sha256", Buffer.from(message), this.key).toString("base64url")}`;
  }

  async #pick(request, response) {
    const url = new URL(request.url, this.issuer);
    const { params } = await this.inner.interactionDetails(request, response);
    const person = url.searchParams.get("person");
    if (person === "nobody") {
      const declined = { error: "access_denied", error_description: "The person declined." };
      return this.inner.interactionFinished(request, response, declined, { mergeWithLastSubmission: false });
    }
    if (person) return this.inner.interactionFinished(request, response, { login: { accountId: person } });
    const links = Object.entries(this.people).map(([id, { name }]) => `<li><a href="?person=${id}">${escape(name)}</a></li>`);
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(`<!doctype html><html lang="en"><title>Acme sign-in</title><h1>Who are you?</h1>
      <p id="hint">${escape(params.login_hint ?? "")}</p><ul>${links.join("")}<li><a href="?person=nobody">Decline</a></li></ul>`);
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
