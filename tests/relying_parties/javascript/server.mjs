// A small site with openid-client: sessions in memory, ended by a logout token too. `node server.mjs PORT`
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as client from "openid-client";
import { afterLogout, config, redirectUri, scope } from "./oidc.mjs";

const sessions = new Map();
const begun = new Map();
const origin = new URL(redirectUri).origin;
const { issuer, jwks_uri } = config.serverMetadata();
const keys = createRemoteJWKSet(new URL(jwks_uri));
const { client_id } = config.clientMetadata();

const cookie = (request) => /(?:^|; )node=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
const go = (response, location, headers = {}) => response.writeHead(303, { location, ...headers }).end();
const tell = (response, body, status = 200) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

async function signIn(response) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  begun.set(state, { verifier, nonce });
  const asked = {
    redirect_uri: redirectUri, scope, state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  go(response, client.buildAuthorizationUrl(config, asked).href);
}

async function comeBack(url, response) {
  const state = url.searchParams.get("state");
  const { verifier, nonce } = begun.get(state);
  begun.delete(state);
  const tokens = await client.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  });
  const claims = tokens.claims();
  const about = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const id = randomUUID();
  sessions.set(id, { sid: claims.sid, sub: claims.sub, about, tokens });
  go(response, "/", { "set-cookie": `node=${id}; Path=/; HttpOnly; SameSite=Lax` });
}

// OpenID Connect Back-Channel Logout 1.0, 2.6
async function isTold(request, response) {
  let body = "";
  for await (const chunk of request) body += chunk;
  const token = new URLSearchParams(body).get("logout_token") ?? "";
  const { payload } = await jwtVerify(token, keys, { issuer, audience: client_id, typ: "logout+jwt", maxTokenAge: "3m" });
  if (!payload.events?.["http://schemas.openid.net/event/backchannel-logout"] || payload.nonce) throw new Error("no logout token");
  for (const [id, session] of sessions) {
    if (payload.sid ? session.sid === payload.sid : session.sub === payload.sub) sessions.delete(id);
  }
  response.writeHead(200, { "cache-control": "no-store" }).end();
}

async function answer(request, response) {
  const url = new URL(request.url, origin);
  const session = sessions.get(cookie(request));
  if (url.pathname === "/bye") return tell(response, "bye");
  if (url.pathname === "/callback") return comeBack(url, response);
  if (url.pathname === "/backchannel") return isTold(request, response);
  if (!session) return signIn(response);
  if (url.pathname === "/refresh") {
    const before = session.tokens;
    session.tokens = await client.refreshTokenGrant(config, before.refresh_token);
    session.tokens.refresh_token ??= before.refresh_token;
    return tell(response, { changed: session.tokens.access_token !== before.access_token });
  }
  if (url.pathname === "/sign-out") {
    sessions.delete(cookie(request));
    const asked = { id_token_hint: session.tokens.id_token, post_logout_redirect_uri: afterLogout };
    return go(response, client.buildEndSessionUrl(config, asked).href);
  }
  return tell(response, { email: session.about.email });
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    tell(response, { error: String(error) }, 400);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
