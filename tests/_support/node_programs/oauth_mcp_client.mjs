// The official TypeScript client of MCP signs in by the authorization-code flow, then calls tools:
// node oauth_mcp_client.mjs SETTINGS
// SETTINGS (JSON): package (its folder), url (of /mcp), user, calls [{name, arguments}].
// It prints what happened as JSON: refused, authorization (the parameters of that request), tools, results [{text, isError}].
import { createRequire } from "node:module";

const settings = JSON.parse(process.argv[2]);
const require = createRequire(`${settings.package}/package.json`);
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = require("@modelcontextprotocol/client");
const REDIRECT = "http://127.0.0.1:1/callback";

class Person {
  // What a client keeps, and the address that its browser is sent to.
  redirectUrl = REDIRECT;
  clientMetadata = { client_name: "tests", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none", application_type: "native" };
  clientInformation = () => this.client;
  saveClientInformation = (client) => { this.client = client; };
  tokens = () => this.kept;
  saveTokens = (tokens) => { this.kept = tokens; };
  redirectToAuthorization = (url) => { this.authorization = url; };
  saveCodeVerifier = (verifier) => { this.verifier = verifier; };
  codeVerifier = () => this.verifier;
}

async function signIn(start, user) {
  // A browser: it keeps cookies, follows redirects, and sends the forms that the provider shows.
  const cookies = new Map();
  const browse = async (url, form) => {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    const body = form && new URLSearchParams(form);
    const response = await fetch(url, { method: form ? "POST" : "GET", body, headers, redirect: "manual" });
    for (const cookie of response.headers.getSetCookie()) {
      const [name, value] = cookie.split(";")[0].split(/=(.*)/);
      cookies.set(name, value);
    }
    return response;
  };
  let url = new URL(start);
  let response = await browse(url);
  for (let steps = 0; steps < 20; steps += 1) {
    const location = response.headers.get("location");
    if (location) {
      url = new URL(location, url);
      if (url.href.startsWith(REDIRECT)) return url.searchParams;
      response = await browse(url);
    } else {
      const page = await response.text();
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
      if (!prompt) throw new Error(`${response.status} ${url}: ${page.slice(0, 2000)}`);
      response = await browse(url, prompt === "login" ? { prompt, login: user, password: "any" } : { prompt });
    }
  }
  throw new Error("The provider goes on asking.");
}

const person = new Person();
const connect = async () => {
  const transport = new StreamableHTTPClientTransport(new URL(settings.url), { authProvider: person });
  const client = new Client({ name: "tests", version: "1" });
  try {
    await client.connect(transport);
  } catch (error) {
    return { transport, error };
  }
  return { transport, client };
};

const first = await connect();
if (!(first.error instanceof UnauthorizedError)) throw first.error ?? new Error("admitted without a token");
const callback = await signIn(person.authorization, settings.user);
await first.transport.finishAuth(callback);
const { client, error } = await connect();
if (error) throw error;
const { tools } = await client.listTools();
const results = [];
for (const call of settings.calls) {
  const { content, isError } = await client.callTool(call);
  results.push({ text: content.map((block) => block.text).join("\n"), isError: isError === true });
}
await client.close();
const authorization = Object.fromEntries(person.authorization.searchParams);
console.log(JSON.stringify({ authorization, tools: tools.map((tool) => tool.name), results }));
