//! Every operation below `/api/v1`. What is not in this list is not served, whatever the route table says.
use super::{
    operation::{Access::*, JSON, Operation},
    parameters::{CALLBACK, EXPORT, LIST, ONE, PEOPLE, REPORT, START, parameter},
};

const SCIM_JSON: &str = "application/scim+json";
const NDJSON: &str = "application/x-ndjson";
const FORM: &str = "application/x-www-form-urlencoded";
const OFFBOARDING_ID: &[(&str, &str)] = &[(JSON, "OffboardingId")];

const SCIM_BODY: &[&str] = &[SCIM_JSON, JSON];
const RESOURCE: &[(&str, &str)] = &[(SCIM_JSON, "ScimResource")];
const RESOURCES: &[(&str, &str)] = &[(SCIM_JSON, "ScimList")];

const fn session(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    about: &'static str,
) -> Operation {
    Operation::new("Sessions", method, path, id, about).by(Person)
}

const fn user(method: &'static str, path: &'static str, id: &'static str, about: &'static str) -> Operation {
    Operation::new("People", method, path, id, about)
}

const fn set_role(method: &'static str, id: &'static str) -> Operation {
    user(method, "/users/{id}/role", id, "Gives a person a role.")
        .by(Admin)
        .takes("RoleChange")
        .gives(200, &[(JSON, "User")], "The person with the role.")
        .refuses(&[409])
}

const fn offboarding(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    about: &'static str,
) -> Operation {
    Operation::new("Offboardings", method, path, id, about)
}

const fn connector(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    about: &'static str,
) -> Operation {
    Operation::new("Connected tools", method, path, id, about).by(Admin)
}

const fn token(method: &'static str, path: &'static str, id: &'static str, about: &'static str) -> Operation {
    Operation::new("Tokens", method, path, id, about).by(Admin)
}

const fn okta(method: &'static str, path: &'static str, id: &'static str, about: &'static str) -> Operation {
    Operation::new("Okta", method, path, id, about)
}

const fn scim(method: &'static str, path: &'static str, id: &'static str, about: &'static str) -> Operation {
    Operation::new("SCIM 2.0", method, path, id, about).by(Scim)
}

/// Every operation, in the order of the document.
pub const OPERATIONS: &[Operation] = &[
    session("POST", "/auth/login", "signIn", "Signs a local admin in, and sets the session's cookie.")
        .by(Everyone)
        .takes("Credentials")
        .gives(200, &[(JSON, "Me")], "Who is signed in.")
        .refuses(&[401, 403, 429, 503]),
    session("POST", "/auth/logout", "signOut", "Ends this session.").gives(
        200,
        &[(JSON, "SignedOut")],
        "Where a browser goes now: to Okta, to end the session it began with there, or to the login page.",
    ),
    session("GET", "/me", "getMe", "Who is signed in, and the CSRF token of unsafe requests.").gives(
        200,
        &[(JSON, "Me")],
        "Who is signed in.",
    ),
    session("GET", "/sessions", "listSessions", "One's own sessions.").gives(
        200,
        &[(JSON, "Sessions")],
        "The sessions.",
    ),
    session("DELETE", "/sessions/{id}", "endSession", "Ends a session: one's own, or as an admin anyone's."),
    user("GET", "/users", "listUsers", "People, by name, a page at a time.").by(Member).query(PEOPLE).gives(
        200,
        &[(JSON, "Users")],
        "A page.",
    ),
    user("GET", "/users/{id}", "getUser", "A person.").by(Member).gives(
        200,
        &[(JSON, "User")],
        "The person.",
    ),
    set_role("PUT", "setRole"),
    set_role("POST", "setRoleByPost"),
    set_role("PATCH", "setRoleByPatch"),
    user("GET", "/users/{id}/sessions", "listSessionsOfUser", "A person's sessions.").by(Admin).gives(
        200,
        &[(JSON, "Sessions")],
        "The sessions.",
    ),
    user("DELETE", "/users/{id}/sessions", "endSessionsOfUser", "Ends every session of a person.").by(Admin),
    offboarding(
        "POST",
        "/users/{id}/offboard",
        "offboard",
        "Ends a person's access everywhere, or says what that would do.",
    )
    .by(Admin)
    .may_take("OffboardRequest")
    .gives(202, OFFBOARDING_ID, "It has begun, or will at the time asked for.")
    .or_gives(200, &[(JSON, "Preview")], "What it would do, when only that was asked.")
    .refuses(&[409]),
    offboarding("GET", "/offboardings", "listOffboardings", "The latest offboardings, newest first.")
        .by(Member)
        .query(&[parameter("user", "Id", "Of this person only.")])
        .gives(200, &[(JSON, "Offboardings")], "Up to 100 of them.")
        .refuses(&[404]),
    offboarding("GET", "/offboardings/report", "getReport", "Who left in a range of time, signed.")
        .by(AdminOrToken)
        .query(REPORT)
        .gives(200, &[(JSON, "Anything"), ("text/csv", "Text")], "The leavers, in the order of asking."),
    offboarding("GET", "/offboardings/{id}", "getOffboarding", "An offboarding with every tool's part.")
        .by(Member)
        .gives(200, &[(JSON, "OffboardingWithSteps")], "The offboarding."),
    offboarding("GET", "/offboardings/{id}/events", "followOffboarding", "An offboarding as it goes.")
        .by(Member)
        .gives(
            200,
            &[("text/event-stream", "OffboardingEvent")],
            "Each event's data is an OffboardingWithSteps; the stream ends with the offboarding.",
        ),
    offboarding("GET", "/offboardings/{id}/evidence", "getEvidence", "What an auditor takes away, signed.")
        .by(AdminOrToken)
        .query(&[parameter("format", "EvidenceFormat", "The pack, or one file of it.")])
        .gives(200, &[("application/zip", "Bytes"), (JSON, "Anything"), (NDJSON, "Text")], "The evidence."),
    offboarding("POST", "/offboardings/{id}/retry", "retryOffboarding", "Tries again what is not done.")
        .by(Admin)
        .may_take("Retry")
        .gives(202, &[(JSON, "Retried")], "It goes on, where it can.")
        .refuses(&[409]),
    offboarding(
        "POST",
        "/offboardings/{id}/done",
        "markDone",
        "Notes that an admin has removed the person from a tool by hand.",
    )
    .by(Admin)
    .takes("DoneByHand")
    .gives(200, OFFBOARDING_ID, "Noted."),
    offboarding(
        "POST",
        "/offboardings/{id}/cancel",
        "cancelOffboarding",
        "Cancels an offboarding that has not ended.",
    )
    .by(Admin)
    .gives(200, OFFBOARDING_ID, "Cancelled."),
    offboarding(
        "POST",
        "/offboardings/release",
        "releaseOffboardings",
        "Lets the tools be told of what the guard against mass deactivation holds.",
    )
    .by(Admin)
    .may_take("Release")
    .gives(202, &[(JSON, "Released")], "They are told now.")
    .refuses(&[404]),
    Operation::new(
        "Settings",
        "GET",
        "/settings",
        "getSettings",
        "What the organization has decided for itself.",
    )
    .by(Admin)
    .gives(200, &[(JSON, "Settings")], "The settings."),
    Operation::new("Settings", "PUT", "/settings", "setSettings", "Sets all of the settings.")
        .by(Admin)
        .takes("Settings")
        .gives(200, &[(JSON, "Settings")], "The settings."),
    connector("GET", "/connectors", "listConnectors", "Connected tools, and the kinds there are.").gives(
        200,
        &[(JSON, "Connectors")],
        "Tools and kinds.",
    ),
    connector("POST", "/connectors", "addConnector", "Connects a tool.")
        .takes("NewConnector")
        .gives(201, &[(JSON, "Connector")], "The tool.")
        .refuses(&[409]),
    connector("GET", "/connectors/{id}", "getConnector", "A connected tool.").gives(
        200,
        &[(JSON, "Connector")],
        "The tool.",
    ),
    connector("PUT", "/connectors/{id}", "changeConnector", "Changes a connected tool's name and settings.")
        .may_take("ConnectorChange")
        .gives(200, &[(JSON, "Connector")], "The tool.")
        .refuses(&[409]),
    connector("DELETE", "/connectors/{id}", "removeConnector", "Disconnects a tool."),
    connector(
        "POST",
        "/connectors/{id}/check",
        "checkConnector",
        "Looks whether everything a tool needs is there; changes nothing.",
    )
    .gives(200, &[(JSON, "Checks")], "What was found.")
    .refuses(&[400]),
    connector(
        "POST",
        "/connectors/{id}/coverage",
        "beginCoverage",
        "Begins to look who of the active people has no account at a tool; changes nothing there.",
    )
    .gives(202, &[(JSON, "CoverageBegun")], "It goes on in the background.")
    .refuses(&[409]),
    connector(
        "GET",
        "/connectors/{id}/coverage",
        "getCoverage",
        "What was found last, and what is going on.",
    )
    .gives(200, &[(JSON, "Coverage")], "Who would not be removed."),
    token("GET", "/sso/scim-tokens", "listTokens", "Bearer tokens, without the tokens themselves.").gives(
        200,
        &[(JSON, "Tokens")],
        "The tokens.",
    ),
    token("POST", "/sso/scim-tokens", "mintToken", "Mints a token.").takes("NewToken").gives(
        201,
        &[(JSON, "MintedToken")],
        "The only answer that shows the token.",
    ),
    token(
        "POST",
        "/sso/scim-tokens/{id}/rotate",
        "rotateToken",
        "Mints a successor; the token itself works on for a while.",
    )
    .may_take("Rotation")
    .gives(201, &[(JSON, "MintedToken")], "The only answer that shows the successor.")
    .refuses(&[409]),
    token(
        "DELETE",
        "/sso/scim-tokens/{id}",
        "revokeToken",
        "Revokes a token: it is refused from the next request on.",
    ),
    Operation::new(
        "Audit log",
        "GET",
        "/sso/audit-export",
        "exportAuditLog",
        "The audit log as NDJSON; its last line is a signed head.",
    )
    .by(AdminOrToken)
    .query(EXPORT)
    .gives(200, &[(NDJSON, "Text")], "Each line is an AuditEntry, the last one an AuditHead."),
    okta("GET", "/sso/okta", "getOkta", "The connection to the Okta tenant.").by(Admin).gives(
        200,
        &[(JSON, "Okta")],
        "The connection, if there is one.",
    ),
    okta("PUT", "/sso/okta", "setOkta", "Connects the tenant: reads its addresses and keys, and keeps them.")
        .by(Admin)
        .takes("OktaChange")
        .gives(200, &[(JSON, "Okta")], "The connection.")
        .refuses(&[409]),
    okta("DELETE", "/sso/okta", "removeOkta", "Disconnects the tenant.").by(Admin),
    okta("GET", "/sso/okta/oidc/start", "startSignIn", "Sends a browser to Okta to sign in.")
        .query(START)
        .gives(302, &[], "To Okta, or to the login page with the reason."),
    okta(
        "POST",
        "/sso/okta/oidc/start",
        "startSignInByForm",
        "The same from a form (OpenID Connect Core section 4).",
    )
    .takes_as(&[FORM], "SignInStart")
    .gives(302, &[], "To Okta, or to the login page with the reason."),
    okta("GET", "/sso/okta/oidc/callback", "finishSignIn", "Where Okta sends the browser back to.")
        .query(CALLBACK)
        .gives(302, &[], "To the console with a session's cookie, or to the login page with the reason."),
    okta("GET", "/sso/okta/oidc/handover", "handSignInOver", "From the API's host to the console's.")
        .query(&[parameter("code", "Text", "For one use by the browser that has signed in.")])
        .gives(302, &[], "To the console, with the next code or the reason."),
    okta(
        "POST",
        "/sso/okta/universal-logout",
        "revokeGlobally",
        "Universal Logout (Global Token Revocation), as Okta sends it.",
    )
    .by(Okta)
    .takes("LogoutRequest")
    .refuses(&[401, 403, 404, 422]),
    okta(
        "POST",
        "/sso/okta/security-events",
        "pushSecurityEvent",
        "A security event token (RFC 8935), as Okta pushes it.",
    )
    .by(Event)
    .takes_as(&["application/secevent+jwt"], "Text")
    .gives(202, &[], "Taken."),
    Operation::new(
        "This API",
        "GET",
        "/instance",
        "getInstance",
        "Which Ceven answers, and whom it sees asking.",
    )
    .gives(200, &[(JSON, "Instance")], "The server, and the client."),
    Operation::new("This API", "GET", "/openapi.json", "getOpenApi", "This document.").gives(
        200,
        &[(JSON, "Anything")],
        "OpenAPI 3.1.",
    ),
    scim("GET", "/scim/v2/Users", "scimListUsers", "Users.").query(LIST).gives(200, RESOURCES, "A page."),
    scim("POST", "/scim/v2/Users", "scimCreateUser", "Creates a user, or restores one who was deactivated.")
        .takes_as(SCIM_BODY, "ScimResource")
        .gives(201, RESOURCE, "The user.")
        .refuses(&[409]),
    scim("GET", "/scim/v2/Users/{id}", "scimGetUser", "A user.").query(ONE).gives(200, RESOURCE, "The user."),
    scim("PUT", "/scim/v2/Users/{id}", "scimReplaceUser", "Replaces a user's attributes.")
        .takes_as(SCIM_BODY, "ScimResource")
        .gives(200, RESOURCE, "The user.")
        .refuses(&[409]),
    scim(
        "PATCH",
        "/scim/v2/Users/{id}",
        "scimPatchUser",
        "Changes a user; `active` = false is an offboarding.",
    )
    .takes_as(SCIM_BODY, "ScimPatch")
    .gives(200, RESOURCE, "The user.")
    .refuses(&[409]),
    scim("DELETE", "/scim/v2/Users/{id}", "scimDeleteUser", "Deactivates and hides a user: an offboarding."),
    scim("GET", "/scim/v2/Groups", "scimListGroups", "Groups.").query(LIST).gives(200, RESOURCES, "A page."),
    scim("POST", "/scim/v2/Groups", "scimCreateGroup", "Creates a group.")
        .takes_as(SCIM_BODY, "ScimResource")
        .gives(201, RESOURCE, "The group.")
        .refuses(&[409]),
    scim("GET", "/scim/v2/Groups/{id}", "scimGetGroup", "A group.").query(ONE).gives(
        200,
        RESOURCE,
        "The group.",
    ),
    scim("PUT", "/scim/v2/Groups/{id}", "scimReplaceGroup", "Replaces a group.")
        .takes_as(SCIM_BODY, "ScimResource")
        .gives(200, RESOURCE, "The group.")
        .refuses(&[409]),
    scim("PATCH", "/scim/v2/Groups/{id}", "scimPatchGroup", "Changes a group's name or members.")
        .takes_as(SCIM_BODY, "ScimPatch")
        .gives(200, RESOURCE, "The group.")
        .or_gives(204, &[], "The group is large.")
        .refuses(&[409]),
    scim("DELETE", "/scim/v2/Groups/{id}", "scimDeleteGroup", "Deletes a group."),
    scim("GET", "/scim/v2/Roles", "scimListRoles", "The roles: `admin`, `member`, `employee`.")
        .query(LIST)
        .gives(200, RESOURCES, "A page."),
    scim("GET", "/scim/v2/Roles/{id}", "scimGetRole", "A role.").query(ONE).gives(200, RESOURCE, "The role."),
    scim("GET", "/scim/v2/ServiceProviderConfig", "scimGetConfig", "What of SCIM is supported.").gives(
        200,
        RESOURCE,
        "RFC 7643 section 5.",
    ),
    scim("GET", "/scim/v2/ResourceTypes", "scimListResourceTypes", "Types of resources.").gives(
        200,
        RESOURCES,
        "RFC 7643 section 6.",
    ),
    scim("GET", "/scim/v2/Schemas", "scimListSchemas", "Schemas.").gives(
        200,
        RESOURCES,
        "RFC 7643 section 7.",
    ),
    scim("POST", "/scim/v2/.search", "scimSearch", "Searches every type (RFC 7644 section 3.4.3).")
        .takes_as(SCIM_BODY, "ScimResource")
        .gives(200, RESOURCES, "A page."),
];
