"use strict";
// Draws one view. All text comes from components and is only ever put into text nodes; nothing is fetched from
// elsewhere. `page` is {view, content, key, tool, subject}: content is null where a host has it, key is set where it is
// served live.
(() => {
  const page = JSON.parse(document.getElementById("page").textContent);
  const root = document.getElementById("root");
  const announcement = document.getElementById("announcement");
  const outage = document.getElementById("outage");
  const POLL_MILLISECONDS = 500;
  const MAX_PAUSE_MILLISECONDS = 30_000;
  const READ_LIMIT_MILLISECONDS = 60_000;
  const MAX_LOST_ANSWERS = 5;
  const SVG = "http://www.w3.org/2000/svg";
  const open = new Set();
  let drawn = null;

  // Elements

  function element(name, attributes, ...children) {
    return fill(document.createElement(name), attributes, children);
  }

  function shape(name, attributes, ...children) {
    return fill(document.createElementNS(SVG, name), attributes, children);
  }

  function fill(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, String(value));
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  }

  function duration(seconds) {
    if (seconds === null) return "";
    if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 60) return `${seconds.toFixed(1)} s`;
    const minutes = Math.floor(seconds / 60);
    return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  function ago(unixSeconds) {
    const seconds = Math.max(0, Date.now() / 1000 - unixSeconds);
    if (seconds < 90) return "just now";
    if (seconds < 5400) return `${Math.round(seconds / 60)} minutes ago`;
    return seconds < 129600 ? `${Math.round(seconds / 3600)} hours ago` : `${Math.round(seconds / 86400)} days ago`;
  }

  function stateOf(item, name) {
    return item.state_text ? element("span", { class: name }, item.state_text) : null;
  }

  function facts(pairs) {
    if (!pairs.length) return null;
    const rows = pairs.map(([label, value]) => element("div", {}, element("dt", {}, label), element("dd", {}, value)));
    return element("dl", { class: "facts" }, ...rows);
  }

  function count(characters) {
    return `${characters.toLocaleString("en")} characters`;
  }

  function block({ label, text, left_out, state }) {
    const cut = left_out ? element("p", { class: "quiet" }, `${count(left_out)} more`) : null;
    return element("div", { class: `block ${state}` }, element("h3", {}, label), element("pre", {}, text), cut);
  }

  // Bars: a run's timeline, a trace's spans; in pairs: two runs side by side

  function bars({ rows, seconds, left_out }, makeItem = barItem, makeBlock = block) {
    const list = element("ol", { class: "bars" });
    rows.forEach((row, index) => list.append(makeItem(row, `${index} ${row.name}`, seconds)));
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button.row");
      if (button) toggle(button, rows[[...list.children].indexOf(button.parentNode)], makeBlock);
    });
    list.addEventListener("keydown", moveFocus);
    const more = left_out ? element("p", { class: "quiet" }, `${left_out.toLocaleString("en")} more are not shown.`) : null;
    return [list, more];
  }

  function trackOf(row, seconds) {
    const track = element("span", { class: "track", "aria-hidden": "true" });
    if (row.start !== null) {
      const bar = element("span", { class: "bar" });
      const left = seconds > 0 ? Math.min(99.5, (100 * row.start) / seconds) : 0;
      const width = seconds > 0 && row.seconds !== null ? (100 * row.seconds) / seconds : 0;
      bar.style.left = `${left}%`;
      bar.style.width = `${row.state === "running" && row.seconds === null ? 100 - left : Math.min(width, 100 - left)}%`;
      track.append(bar);
    }
    return track;
  }

  function kindOf(row) {
    return row.kind ? element("span", { class: "kind" }, `${row.kind} `) : null;
  }

  function barItem(row, key, seconds) {
    const track = trackOf(row, seconds);
    const kind = kindOf(row);
    const mark = stateOf(row, "mark");
    const note = row.note ? element("span", { class: "quiet" }, ` ${row.note}`) : null;
    const name = element("span", { class: "name" }, kind, row.name, mark && " ", mark, note);
    const time = element("span", { class: "time" }, duration(row.seconds));
    const color = row.kind === "llm" || row.kind === "tool" ? ` ${row.kind}` : "";
    return foldableItem(row, key, row.state + color, "row", block, name, track, " ", time);
  }

  function pairItem(row, key, seconds) {
    const first = row.is_first ? element("span", { class: "mark" }, " first difference") : null;
    const differs = row.differs ? element("span", { class: first ? "quiet" : "mark" }, ` ${row.differs}`) : null;
    const name = element("span", { class: "name" }, kindOf(row), row.name, first, differs);
    const halves = row.halves.flatMap((half, at) => [" ", halfOf(half, "AB"[at], seconds)]);
    if (row.is_first && drawn === null) open.add(key);
    const state = row.is_first ? "differs first" : row.differs ? "differs" : "";
    return foldableItem(row, key, state, "row pair", blockPair, name, ...halves);
  }

  function halfOf(half, label, seconds) {
    const spoken = element("span", { class: "hidden" }, `${label}: `);
    if (half === null) return element("span", { class: "half" }, spoken, element("span", { class: "quiet" }, "not there"));
    const about = [half.seconds === null ? "" : duration(half.seconds), half.note].filter((text) => text).join(", ");
    const mark = stateOf(half, "mark");
    const words = element("span", { class: "time" }, mark, mark && about && " ", about);
    return element("span", { class: `half ${half.state}` }, spoken, half.start === null ? null : trackOf(half, seconds), words);
  }

  function foldableItem(row, key, state, kind, makeBlock, ...parts) {
    const foldable = row.blocks.length > 0;
    const line = element(foldable ? "button" : "div", { class: kind, "data-key": key }, ...parts);
    const item = element("li", { class: state }, line);
    item.style.setProperty("--depth", Math.min(row.depth, 8));
    if (foldable) {
      line.setAttribute("type", "button");
      line.setAttribute("aria-expanded", "false");
      if (open.has(key)) toggle(line, row, makeBlock);
    }
    return item;
  }

  function toggle(button, row, makeBlock) {
    const opens = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(opens));
    if (opens) {
      open.add(button.dataset.key);
      button.parentNode.append(element("div", { class: "more" }, ...row.blocks.map(makeBlock)));
    } else {
      open.delete(button.dataset.key);
      button.parentNode.lastChild.remove();
    }
  }

  function moveFocus(event) {
    const buttons = [...event.currentTarget.querySelectorAll("button.row")];
    const here = buttons.indexOf(document.activeElement);
    const targets = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 };
    const target = event.key in targets && here >= 0 ? buttons[targets[event.key]] : undefined;
    if (target) {
      event.preventDefault();
      target.focus();
    }
  }

  function runHead({ title, state, state_text, facts: pairs }) {
    return element("section", { class: `card ${state}` },
      element("div", { class: "head" }, element("h2", {}, title), stateOf({ state_text }, "state")), facts(pairs));
  }

  function isHighSurrogate(text, at) {
    return at >= 0 && text.charCodeAt(at) >= 0xd800 && text.charCodeAt(at) < 0xdc00;
  }

  // The texts of both runs, with what differs marked: what stands between their common beginning and their common end.
  function blockPair({ label, is_same, skipped, texts }) {
    const [first, second] = texts.map(({ text }) => text);
    const shorter = is_same ? 0 : Math.min(first.length, second.length);
    let head = 0, tail = 0;
    while (head < shorter && first[head] === second[head]) head += 1;
    while (tail < shorter - head && first[first.length - 1 - tail] === second[second.length - 1 - tail]) tail += 1;
    if (head && isHighSurrogate(first, head - 1)) head -= 1;
    if (tail && !is_same && isHighSurrogate(first, first.length - tail - 1)) tail -= 1;
    const shown = (text) => {
      const middle = text.slice(head, text.length - tail);
      const parts = [text.slice(0, head), middle && element("mark", {}, middle), text.slice(text.length - tail)];
      return text ? element("pre", {}, ...(is_same ? [text] : parts)) : element("p", { class: "quiet" }, "nothing");
    };
    const sides = texts.map(({ text, left_out }, at) => element("div", {},
      is_same ? null : element("span", { class: "kind" }, skipped ? `${"AB"[at]}, after ${count(skipped)} that are the same` : "AB"[at]),
      shown(text), left_out ? element("p", { class: "quiet" }, `${count(left_out)} more`) : null));
    const title = is_same ? `${label}, the same in both` : label;
    return element("div", { class: "block" }, element("h3", {}, title), element("div", { class: "sides" }, ...sides));
  }

  // Charts, tables and cards

  function chart({ title, kind, labels, series }) {
    const width = 640, height = 200, left = 52, bottom = 24, top = 10;
    const totals = labels.map((_, at) => series.reduce((sum, { values }) => sum + values[at], 0));
    const peak = kind === "bars" ? Math.max(1, ...totals) : Math.max(1, ...series.flatMap(({ values }) => values));
    const y = (value) => top + (height - top - bottom) * (1 - value / peak);
    const slot = (width - left - 8) / labels.length;
    const drawing = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    drawing.setAttribute("aria-label", `${title}, ${labels[0]} to ${labels[labels.length - 1]}. The table has the figures.`);
    for (const value of [0, peak / 2, peak]) {
      drawing.append(shape("line", { class: "grid", x1: left, x2: width - 8, y1: y(value), y2: y(value) }));
      const text = value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
      drawing.append(shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, text));
    }
    const step = Math.ceil(labels.length / 6);
    labels.forEach((label, at) => {
      if (at % step === 0)
        drawing.append(shape("text", { x: left + slot * (at + 0.5), y: height - 6, "text-anchor": "middle" }, label));
    });
    if (kind === "bars") {
      const base = labels.map(() => 0);
      series.forEach(({ values }, number) => {
        values.forEach((value, at) => {
          const box = { x: left + slot * at + slot * 0.15, width: slot * 0.7, y: y(base[at] + value) };
          if (value) drawing.append(shape("rect", { ...box, class: `s${number % 4}`, height: y(base[at]) - box.y }));
          base[at] += value;
        });
      });
    } else {
      series.forEach(({ values }, number) => {
        const points = values.map((value, at) => `${left + slot * (at + 0.5)},${y(value)}`).join(" ");
        drawing.append(shape("polyline", { class: `s${number % 4}`, points }));
      });
    }
    const names = series.map(({ name }, number) =>
      element("li", { class: `s${number % 4}` }, element("i", { "aria-hidden": "true" }), name));
    return element("section", { class: "chart" }, element("h2", {}, title), drawing,
      element("ul", { class: "legend" }, ...names));
  }

  function table({ columns, rows }) {
    const isNumber = (value) => typeof value === "number";
    const cell = (value) => (isNumber(value) ? value.toLocaleString("en") : value);
    const head = columns.map((name, at) =>
      element("th", { scope: "col", class: rows.some((row) => isNumber(row[at])) ? "number" : "" }, name));
    const body = rows.map((row) =>
      element("tr", {}, ...row.map((value) => element("td", { class: isNumber(value) ? "number" : "" }, cell(value)))));
    const parts = [element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)];
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Figures" },
      element("table", {}, ...parts));
  }

  function card(item) {
    const since = item.since ? [["since", `${item.since_text} (${ago(item.since)})`]] : [];
    return element("section", { class: `card ${item.state}` },
      element("div", { class: "head" }, element("h2", {}, item.title), stateOf(item, "state")),
      facts([...item.facts, ...since]), ...item.blocks.map(block));
  }

  // The whole page

  function draw(content) {
    const json = JSON.stringify(content);
    if (json === drawn) return;
    const focused = document.activeElement && document.activeElement.dataset.key;
    const head = element("div", { class: `head ${content.state}` },
      element("h1", {}, content.title), stateOf(content, "state"));
    const parts = [head, facts(content.facts), ...content.notices.map((text) => element("p", { class: "notice" }, text))];
    parts.push(...content.blocks.filter(({ first }) => first).map(block));
    if (content.pairs) {
      parts.push(element("div", { class: "sides" }, ...content.pairs.runs.map(runHead)));
      const labels = ["", "A", "B"].map((label) => element("span", {}, label));
      const columns = element("div", { class: "row pair quiet", "aria-hidden": "true" }, ...labels);
      parts.push(element("h2", {}, "Side by side"), columns, ...bars(content.pairs, pairItem, blockPair));
    }
    if (content.bars) parts.push(element("h2", {}, content.bars.title), ...bars(content.bars));
    parts.push(...content.charts.map(chart));
    if (content.table) parts.push(element("h2", {}, "Figures"), table(content.table));
    parts.push(...content.cards.map(card));
    parts.push(...content.blocks.filter(({ first }) => !first).map(block));
    if (content.empty) parts.push(element("p", {}, content.empty));
    drawn = json;
    root.replaceChildren(...parts.filter((part) => part));
    if (focused) [...root.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focused)?.focus();
    document.title = content.title;
    say(content.progress_text || content.state_text);
  }

  function say(text) {
    if (announcement.textContent !== text) announcement.textContent = text;
  }

  function showMessage(title, text) {
    draw({ title, state: "", state_text: "", facts: [], notices: [], charts: [], cards: [], empty: "",
      blocks: text ? [{ label: "Result", text, left_out: 0, state: "", first: true }] : [] });
  }

  // Reading again while a run is going

  let isOver = false;

  // Until nothing more changes. What fails is tried again, with growing pauses, unless trying again changes nothing.
  async function poll(read) {
    let failures = 0;
    while (!isOver) {
      try {
        if (!document.hidden) {
          const content = await withinLimit(read());
          failures = 0;
          if (isOver) return;
          warn("");
          draw(content);
          if (content.is_final) return;
        }
      } catch (error) {
        failures += 1;
        if (isOver || error.isSettled) return;
        if (error.isFinal || (failures >= MAX_LOST_ANSWERS && error.lastMessage)) {
          const message = error.isFinal ? error.message : error.lastMessage;
          warn(drawn ? `This is how it was last seen. ${message}` : "");
          if (!drawn) showMessage("Nothing to show", message);
          return;
        }
        warn(`No news: ${error.message} Trying again.`);
      }
      const pause = Math.min(MAX_PAUSE_MILLISECONDS, POLL_MILLISECONDS * 2 ** Math.min(failures, 10));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  function withinLimit(promise) {
    let timer;
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("No answer came.")), READ_LIMIT_MILLISECONDS);
    });
    return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
  }

  function warn(text) {
    if (outage.textContent !== text) outage.textContent = text;
    outage.hidden = !text;
  }

  function failure({ error, is_final }) {
    return Object.assign(new Error(String(error)), { isFinal: is_final !== false });
  }

  async function readFromServer() {
    const ended = "The command that served this page has ended.";
    let response;
    try {
      response = await fetch("data", { headers: { "X-AgentOS-View": page.key }, cache: "no-store" });
    } catch {
      throw Object.assign(new Error("The command that serves this page does not answer."), { lastMessage: ended });
    }
    if (!response.ok) throw failure({ error: ended });
    const content = await response.json();
    if (typeof content.error === "string") throw failure(content);
    return content;
  }

  // A host that speaks MCP Apps

  function connectToHost() {
    const waiting = new Map();
    let nextId = 1, input = null, resultText = "", hasResult = false, isPolling = false, canCall = false;

    function post(message) {
      window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
    }

    function request(method, params) {
      return new Promise((resolve, reject) => {
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        post({ id, method, params });
      });
    }

    function applyContext(context) {
      if (context?.theme === "dark" || context?.theme === "light")
        document.documentElement.setAttribute("data-theme", context.theme);
    }

    async function readByTool(subject) {
      const result = await request("tools/call", { name: page.tool, arguments: { view: page.view, ...subject } });
      const text = textOf(result);
      let content = null;
      try {
        content = JSON.parse(text);
      } catch {
        // Not ours: a host's own words.
      }
      if (content === null || typeof content !== "object") throw new Error(text.slice(0, 300) || "The answer was empty.");
      if (typeof content.error === "string") throw failure(content);
      return content;
    }

    function textOf(result) {
      const blocks = Array.isArray(result?.content) ? result.content : [];
      return blocks.filter(({ type }) => type === "text").map(({ text }) => String(text)).join("\n");
    }

    function start() {
      const subject = canCall ? subjectOf(page.view, input || {}, resultText) : null;
      if (subject === null) {
        if (hasResult) showMessage("Result", resultText);
        return;
      }
      if (isPolling) return;
      isPolling = true;
      poll(readSubject).finally(() => (isPolling = false));
    }

    // A result without a reference is all that there is to show, whatever an answer on its way says.
    async function readSubject() {
      const subject = subjectOf(page.view, input || {}, resultText);
      const content = subject && (await readByTool(subject));
      if (!subjectOf(page.view, input || {}, resultText)) throw Object.assign(new Error(), { isSettled: true });
      return content;
    }

    const notifications = {
      "ui/notifications/tool-input": (params) => {
        input = params?.arguments || {};
        start();
      },
      "ui/notifications/tool-result": (params) => {
        resultText = textOf(params);
        hasResult = true;
        start();
      },
      "ui/notifications/tool-cancelled": () => {
        if (!drawn) showMessage("The call was cancelled", "");
      },
      "ui/notifications/host-context-changed": applyContext,
    };

    window.addEventListener("message", (event) => {
      const message = event.data;
      if (event.source !== window.parent || !message || message.jsonrpc !== "2.0") return;
      if (typeof message.method !== "string") {
        const call = waiting.get(message.id);
        waiting.delete(message.id);
        if (call) message.error ? call.reject(new Error(String(message.error.message))) : call.resolve(message.result);
      } else if (message.id === undefined) {
        if (Object.hasOwn(notifications, message.method)) notifications[message.method](message.params);
      } else if (message.method === "ui/resource-teardown" || message.method === "ping") {
        if (message.method !== "ping") isOver = true;
        post({ id: message.id, result: {} });
      } else {
        post({ id: message.id, error: { code: -32601, message: "Method not found" } });
      }
    });

    const about = { name: "agentos-mcp", version: page.version };
    request("ui/initialize", { protocolVersion: "2026-01-26", appInfo: about, appCapabilities: {} }).then((answer) => {
      applyContext(answer.hostContext);
      canCall = Boolean(answer.hostCapabilities?.serverTools);
      post({ method: "ui/notifications/initialized" });
      let height = 0;
      new ResizeObserver(() => {
        const now = Math.ceil(document.body.getBoundingClientRect().height);
        if (now !== height) post({ method: "ui/notifications/size-changed", params: { height: (height = now) } });
      }).observe(document.body);
    });
  }

  // What the call was about: by its arguments, else by the reference that its result's text ends with.
  function subjectOf(view, input, resultText) {
    const text = (name) => (typeof input[name] === "string" && input[name] ? { [name]: input[name] } : {});
    if (view === "metrics") return { ...text("since"), ...text("until"), ...text("user_id"), ...text("db_id") };
    if (view === "inbox") return text("user_id");
    if (view === "compare") {
      const [a, b] = ["A", "B"].map((side) => resultText.match(new RegExp(`^${side}: ((?:agent|team|workflow)/\\S+)`, "m")));
      if (a && b) return { run_a: a[1], run_b: b[1] };
      const given = { ...text("run_a"), ...text("run_b") };
      return given.run_a && given.run_b ? given : null;
    }
    if (view === "trace") return text("id").id ? { ...text("id"), ...text("db_id") } : null;
    if (!page.subject && text("run").run) return { id: input.run };
    const references = resultText.match(/\b(?:agent|team|workflow)(?:\/[A-Za-z0-9._~%-]+){3}/g);
    if (references) return { id: references[references.length - 1] };
    const kind = ["agent", "team", "workflow"].find((name) => text(`${name}_id`)[`${name}_id`]);
    const started = page.subject || (kind && { component: input[`${kind}_id`], kind });
    return started && !resultText ? started : null;
  }

  if (page.content) draw(page.content);
  if (page.key) {
    if (!page.content.is_final) poll(readFromServer);
  } else if (!page.content && window.parent !== window) {
    connectToHost();
  }
})();
