// The official TypeScript client, version 1 or 2, plays all parts: node typescript_client.mjs SETTINGS
// SETTINGS (JSON): package (its folder), generation (1 or 2), pin (a protocol version, or ""), url or command and
// environment, limitSeconds, calls (of each part), session.
// It prints one JSON document: protocol, tools, parts {run, longRun, question, cancel}, each with what it brought.
import { createRequire } from "node:module";

const settings = JSON.parse(process.argv[2]);
const require = createRequire(`${settings.package}/package.json`);
const isFirst = settings.generation === 1;
const name = isFirst ? "@modelcontextprotocol/sdk" : "@modelcontextprotocol/client";
const { Client } = require(isFirst ? `${name}/client/index.js` : name);
const { StdioClientTransport } = require(isFirst ? `${name}/client/stdio.js` : `${name}/stdio`);
const { StreamableHTTPClientTransport } = require(isFirst ? `${name}/client/streamableHttp.js` : name);

const client = new Client(
  { name: "typescript-client", version: "1" },
  {
    capabilities: { elicitation: { form: {} } },
    ...(settings.pin ? { versionNegotiation: { mode: { pin: settings.pin } } } : {}),
  },
);
const asked = [];
const answer = async (request) => {
  asked.push(request.params.message);
  const fields = Object.keys(request.params.requestedSchema.properties);
  return { action: "accept", content: Object.fromEntries(fields.map((field) => [field, true])) };
};
if (isFirst) {
  client.setRequestHandler(require(`${name}/types.js`).ElicitRequestSchema, answer);
} else {
  client.setRequestHandler("elicitation/create", answer);
}

const [program, ...args] = settings.command ?? [];
const transport = settings.url
  ? new StreamableHTTPClientTransport(new URL(settings.url))
  : new StdioClientTransport({ command: program, args, env: settings.environment, stderr: "ignore" });
await client.connect(transport);

const textOf = (result) => result.content.map((block) => block.text ?? "").join("\n");
const limit = settings.limitSeconds * 1000;
const call = async (tool, args, options = {}) => {
  const params = { name: tool, arguments: args };
  const started = Date.now();
  const given = { timeout: limit, resetTimeoutOnProgress: false, ...options };
  const result = await (isFirst ? client.callTool(params, undefined, given) : client.callTool(params, given));
  return { text: textOf(result), seconds: (Date.now() - started) / 1000 };
};
const attempt = async (part) => {
  try {
    return await part();
  } catch (error) {
    return { error: String(error) };
  }
};

const parts = {};
const tools = await attempt(async () => (await client.listTools()).tools.map((tool) => tool.name));
parts.list = await attempt(async () => ({
  ...(await call("list_workflows", {})),
  prompts: (await client.listPrompts()).prompts.length,
  resources: (await client.listResources()).resources.length,
}));
parts.run = await attempt(async () => {
  const progress = [];
  const onprogress = (told) => progress.push(told.progress);
  const { text } = await call(...settings.calls.run, { onprogress });
  return { text, progress };
});
parts.longRun = await attempt(async () => {
  const calls = [await call(...settings.calls.longRun)];
  while (calls.at(-1).text.includes("Still running") && calls.length < 12) {
    const run = /^run: (\S+)$/m.exec(calls.at(-1).text)[1];
    calls.push(await call("get_run", { run }));
  }
  return { calls };
});
parts.question = await attempt(async () => {
  const { text } = await call(...settings.calls.question);
  if (asked.length || !/^run: (\S+)$/m.test(text)) return { text, asked };
  const run = /^run: (\S+)$/m.exec(text)[1];
  return { text: (await call("continue_run", { run, answers: { approve: true } })).text, asked };
});
parts.cancel = await attempt(async () => {
  const abort = new AbortController();
  let isAborted = false;
  const onprogress = () => abort.abort();
  try {
    await call(...settings.calls.cancel, { signal: abort.signal, onprogress, timeout: 30_000 });
  } catch {
    isAborted = abort.signal.aborted;
  }
  return { isAborted };
});
const version = transport.protocolVersion ?? client.getNegotiatedProtocolVersion?.() ?? "";
process.stdout.write(JSON.stringify({ protocol: version, tools, parts }) + "\n");
// What was cancelled has to be heard before the connection goes.
await new Promise((resolve) => setTimeout(resolve, 1500));
await client.close();
process.exit(0);
