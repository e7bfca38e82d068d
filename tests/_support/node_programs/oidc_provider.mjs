// The certified OpenID provider `oidc-provider`, on a free port of this machine: node oidc_provider.mjs SETTINGS
// SETTINGS (JSON): package (its folder), scopes, agentos {id, key}, exchangeClient {id, secret}.
// It says "Listening at URL". Whoever gives a name is signed in as that user, by its own pages.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const settings = JSON.parse(process.argv[2]);
const require = createRequire(`${settings.package}/package.json`);
const { default: Provider, errors } = require("oidc-provider");
const jose = require("jose");

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const agentosServer = {
  audience: settings.agentos.id,
  scope: settings.scopes.join(" "),
  accessTokenFormat: "jwt",
  accessTokenTTL: 300,
  jwt: { sign: { alg: "HS256", key: Buffer.from(settings.agentos.key) } },
};

const server = createServer((request, response) => callback(request, response));
let callback;
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    scopes: ["openid", "offline_access", ...settings.scopes],
    clients: [
      {
        client_id: settings.exchangeClient.id,
        client_secret: settings.exchangeClient.secret,
        grant_types: [TOKEN_EXCHANGE],
        redirect_uris: [],
        response_types: [],
      },
    ],
    pkce: { required: () => true },
    features: {
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          audience: resource,
          scope: settings.scopes.join(" "),
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
        useGrantedResource: () => true,
      },
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: (ctx, token) => ({ scopes: (token.scope ?? "").split(" ") }),
  });
  provider.registerGrantType(
    TOKEN_EXCHANGE,
    async (ctx) => {
      const { subject_token: subjectToken, subject_token_type: type, audience } = ctx.oidc.params;
      if (type !== ACCESS_TOKEN || audience !== settings.agentos.id) throw new errors.InvalidRequest("not that");
      const keys = jose.createRemoteJWKSet(new URL(`${issuer}/jwks`));
      const { payload } = await jose.jwtVerify(subjectToken, keys, { issuer }).catch((error) => {
        throw new errors.InvalidGrant(error.message);
      });
      const token = new provider.AccessToken({ client: ctx.oidc.client, accountId: payload.sub, scope: payload.scope });
      token.resourceServer = new provider.ResourceServer(`urn:agentos:${audience}`, agentosServer);
      ctx.body = {
        access_token: await token.save(),
        issued_token_type: ACCESS_TOKEN,
        token_type: "Bearer",
        expires_in: token.expiration,
      };
    },
    ["subject_token", "subject_token_type", "requested_token_type", "audience", "resource", "scope"],
  );
  callback = provider.callback();
  console.log(`Listening at ${issuer}`);
});
