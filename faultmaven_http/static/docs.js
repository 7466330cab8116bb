"use strict";

const byId = (id) => document.getElementById(id);

/** An element with properties and children; text goes in as text, never as markup. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

let api = null;

function resolved(schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.slice(2).split("/").reduce((part, key) => part[key], api);
}

/** A schema in a few words, for the tables. */
function inWords(schema, depth = 0) {
  if (schema.$ref) {
    const whole = resolved(schema);
    return whole.enum ? whole.enum.join(" | ") : schema.$ref.split("/").pop();
  }
  if (schema.anyOf) return schema.anyOf.map((one) => inWords(one, depth + 1)).join(" | ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `${inWords(schema.items || {}, depth + 1)}[]`;
  return schema.format || schema.type || "any";
}

/** A value of the schema's shape, to start writing from. */
function example(schema, depth = 0) {
  const whole = resolved(schema);
  if (whole.enum) return whole.enum[0];
  if (whole.anyOf) return whole.anyOf.some((one) => one.type === "null") ? null : example(whole.anyOf[0], depth + 1);
  if (whole.type === "object") {
    if (depth > 4) return {};
    return Object.fromEntries(Object.entries(whole.properties || {}).map(([key, one]) => [key, example(one, depth + 1)]));
  }
  return { string: "", integer: 0, number: 0, boolean: false, array: [], null: null }[whole.type] ?? null;
}

function fieldsTable(schema) {
  const whole = resolved(schema);
  const rows = Object.entries(whole.properties || {}).map(([name, one]) =>
    element("tr", {}, element("td", {}, element("code", { textContent: name })),
      element("td", { textContent: inWords(one) }),
      element("td", { textContent: (whole.required || []).includes(name) ? "always" : "" })));
  if (!rows.length) return null;
  return element("details", {}, element("summary", { textContent: schema.$ref ? inWords(schema) : "Fields" }),
    whole.description ? element("p", { textContent: whole.description }) : null,
    element("table", {}, ...rows));
}

function variants(schema) {
  return schema.anyOf ? schema.anyOf : [schema];
}

function answers(operation) {
  const rows = Object.entries(operation.responses).map(([status, answer]) => {
    const whole = resolved(answer);
    const isError = Number(status) >= 400;
    const shapes = Object.entries(whole.content || {}).flatMap(([type, content]) =>
      isError ? [] : [element("div", { className: "muted", textContent: type }),
        ...variants(content.schema || {}).map(fieldsTable)]);
    return element("tr", {}, element("th", { textContent: status }),
      element("td", {}, element("div", { textContent: whole.description || "" }), ...shapes));
  });
  return element("table", {}, ...rows);
}

function parameterInput(parameter) {
  const schema = resolved(parameter.schema);
  const words = schema.enum || (schema.anyOf || []).map(resolved).find((one) => one.enum)?.enum;
  const input = words
    ? element("select", {}, element("option", { value: "" }), ...words.map((word) => element("option", { textContent: word })))
    : element("input", { required: parameter.required, spellcheck: false });
  input.dataset.name = parameter.name;
  input.dataset.place = parameter.in;
  input.title = parameter.description || inWords(parameter.schema);
  return element("label", {}, `${parameter.name}${parameter.required ? " *" : ""}`, input);
}

/** Inputs for a body, and how to read them into what fetch sends. */
function bodyEditor(requestBody) {
  if (!requestBody) return { view: null, read: () => ({}) };
  const types = Object.keys(requestBody.content);
  const chosen = element("select", {}, ...types.map((type) => element("option", { textContent: type })));
  const place = element("div");
  let read = () => ({});

  function show() {
    const schema = requestBody.content[chosen.value].schema;
    place.replaceChildren(fieldsTable(schema) || "");
    if (chosen.value === "multipart/form-data") {
      const whole = resolved(schema);
      const inputs = Object.entries(whole.properties).map(([name, one]) =>
        [name, element("input", { type: one.contentMediaType ? "file" : "text" })]);
      place.append(element("div", { className: "fields" },
        ...inputs.map(([name, input]) => element("label", {}, name, input))));
      read = () => {
        const form = new FormData();
        for (const [name, input] of inputs) {
          if (input.type === "file") { if (input.files[0]) form.append(name, input.files[0]); }
          else if (input.value) form.append(name, input.value);
        }
        return { body: form, headers: {} };
      };
    } else {
      const text = element("textarea", { spellcheck: false, value: JSON.stringify(example(schema), null, 2) });
      text.setAttribute("aria-label", "Body");
      place.append(text);
      read = () => ({ body: text.value, headers: { "Content-Type": "application/json" } });
    }
  }

  chosen.addEventListener("change", show);
  show();
  return { view: element("div", {}, types.length > 1 ? chosen : "", place), read: () => read() };
}

async function shown(response) {
  const type = response.headers.get("content-type") || "";
  if (type.includes("json")) return JSON.stringify(await response.json(), null, 2);
  if (type.startsWith("text/")) return (await response.text()).slice(0, 20000);
  const blob = await response.blob();
  return blob.size ? `${blob.size} bytes of ${type}` : "";
}

function tryIt(method, path, operation) {
  const inputs = (operation.parameters || []).map(parameterInput);
  const body = bodyEditor(operation.requestBody);
  const result = element("pre", { hidden: true });
  const form = element("form", {}, element("div", { className: "fields" }, ...inputs), body.view,
    element("button", { textContent: "Send" }), result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let address = path;
    const query = new URLSearchParams();
    const { headers = {}, ...sent } = body.read();
    for (const input of form.querySelectorAll("[data-place]")) {
      if (input.dataset.place === "path") {
        address = address.replace(`{${input.dataset.name}}`, encodeURIComponent(input.value).replaceAll("%2F", "/"));
      } else if (input.value && input.dataset.place === "query") query.set(input.dataset.name, input.value);
      else if (input.value) headers[input.dataset.name] = input.value;
    }
    if (byId("token").value) headers.Authorization = `Bearer ${byId("token").value}`;
    result.hidden = false;
    result.textContent = "…";
    try {
      const response = await fetch(query.size ? `${address}?${query}` : address, { method: method.toUpperCase(), headers, ...sent });
      const location = response.headers.get("location");
      result.textContent = [`${response.status} ${response.statusText}`, location && `Location: ${location}`,
        await shown(response)].filter(Boolean).join("\n\n");
    } catch (error) {
      result.textContent = String(error);
    }
  });
  return form;
}

function operationView(method, path, operation) {
  const view = element("details", { className: "operation" }, element("summary", {},
    element("span", { className: "method", textContent: method.toUpperCase() }),
    element("code", { className: "path", textContent: path }),
    element("span", { className: "muted", textContent: operation.summary })));
  view.dataset.words = `${method} ${path} ${operation.summary}`.toLowerCase();
  view.addEventListener("toggle", () => {
    if (!view.open || view.dataset.filled) return;
    view.dataset.filled = "yes";
    view.append(operation.description ? element("p", { textContent: operation.description }) : "",
      element("h3", { textContent: "Try it" }), tryIt(method, path, operation),
      element("h3", { textContent: "Answers" }), answers(operation));
  });
  return view;
}

function show() {
  const prefix = byId("prefix").value;
  const sections = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    const hasPrefix = path.startsWith("/v1/") || path.startsWith("/api/v1/");
    if (hasPrefix && !path.startsWith(`${prefix}/`)) continue;
    for (const [method, operation] of Object.entries(item)) {
      const tag = operation.tags[0];
      if (!sections.has(tag)) sections.set(tag, []);
      sections.get(tag).push(operationView(method, path, operation));
    }
  }
  byId("operations").replaceChildren(...[...sections].map(([tag, views]) =>
    element("section", {}, element("h2", { textContent: tag }), ...views)));
  find();
}

function find() {
  const wanted = byId("find").value.trim().toLowerCase();
  for (const view of document.querySelectorAll("details.operation")) view.hidden = !view.dataset.words.includes(wanted);
}

async function signIn(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const response = await fetch("/v1/auth/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username: form.get("username"), password: form.get("password") }),
  });
  const answer = await response.json();
  if (response.ok) byId("token").value = answer.access_token;
  byId("signed-in").textContent = response.ok ? `Signed in as ${answer.user.username}.` : answer.detail;
}

async function start() {
  const response = await fetch("/openapi.json");
  api = await response.json();
  byId("version").textContent = api.info.version;
  byId("operations").removeAttribute("aria-busy");
  byId("prefix").addEventListener("change", show);
  byId("find").addEventListener("input", find);
  byId("sign-in").addEventListener("submit", signIn);
  show();
}

start().catch((error) => { byId("operations").textContent = String(error); });
