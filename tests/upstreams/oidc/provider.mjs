// A firm's directory: npm `oidc-provider` with its own pages, everything in memory, plain HTTP.
//
// Called as `node provider.mjs PORT PEOPLE_FILE`. The file holds what it says of whom, by the name that is typed at its
// sign-in page; it is read again each time. Clients register themselves (OpenID Connect Dynamic Client Registration 1.0).
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const [port, file] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const people = () => JSON.parse(readFileSync(file, "utf8"));

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256" }] },
  claims: {
    openid: ["sub", "groups"],
    profile: ["given_name", "family_name", "preferred_username"],
    email: ["email", "email_verified"],
  },
  conformIdTokenClaims: false,
  clientDefaults: { id_token_signed_response_alg: "ES256", grant_types: ["authorization_code"] },
  enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  // It calls nobody on its own machine; here everybody is.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  findAccount: (_context, name) => {
    const said = people()[name];
    return said && { accountId: name, claims: () => ({ sub: name, ...said }) };
  },
});
provider.listen(Number(port), "127.0.0.1");
