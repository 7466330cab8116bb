"use strict";

const byId = (id) => document.getElementById(id);
const root = document.documentElement.dataset.root;
const STATE = "fm_auth_state";
const SCOPES = {
  openid: "Know who you are",
  profile: "See your name",
  email: "See your e-mail address",
  "cases:read": "Read your cases, and what was said in them",
  "cases:write": "Open and change your cases, and ask questions in them",
  "evidence:read": "Read the files of your cases",
  "evidence:write": "Add files to your cases, and delete them",
  "knowledge:read": "Read and search the runbooks and documents you can see",
  "knowledge:write": "Add, change and delete runbooks and documents",
};

function token() {
  for (const storage of [sessionStorage, localStorage]) {
    try {
      const state = JSON.parse(storage.getItem(STATE));
      if (state && state.expires_at > Date.now()) return state.access_token;
    } catch {
      storage.removeItem(STATE); // what others left there is no sign-in
    }
  }
  return null;
}

const signInFirst = () => `${root}/login?next=${encodeURIComponent(location.pathname + location.search)}`;

function toSignIn() {
  location.replace(signInFirst());
}

/** The answer's status and body. Throws an error in words where there is none. */
async function asked(path, options = {}) {
  const headers = { Authorization: `Bearer ${token()}`, "Content-Type": "application/json" };
  try {
    const answer = await fetch(`${root}/api/v1/auth/oauth/authorize${path}`, { ...options, headers });
    return { status: answer.status, ok: answer.ok, body: await answer.json().catch(() => ({})) };
  } catch {
    throw new Error("The server does not answer. Is it running?");
  }
}

function words({ status, body }) {
  const said = body.error_description || body.detail || body.error;
  return typeof said === "string" ? said : `The server answered ${status}.`;
}

/** The user's browser carries the answer back to whoever asked, as RFC 6749 has it (4.1.2). */
function back(redirectUri, answer) {
  const address = new URL(redirectUri);
  for (const [name, value] of Object.entries(answer)) if (value) address.searchParams.set(name, value);
  byId("consent").hidden = true;
  byId("title").textContent = answer.code ? "Access allowed" : "Access denied";
  location.replace(address);
}

function busy(yes) {
  document.querySelector("main").setAttribute("aria-busy", String(yes));
  for (const button of document.querySelectorAll("button")) button.disabled = yes;
}

function failed(text) {
  byId("said").textContent = text;
  busy(false);
}

async function decided(consent, approved) {
  const { client_id, redirect_uri, scope, state, code_challenge, code_challenge_method } = consent;
  byId("said").textContent = "";
  busy(true);
  const answer = await asked("", {
    method: "POST",
    body: JSON.stringify({ approved, client_id, redirect_uri, scope, state, code_challenge, code_challenge_method }),
  });
  if (answer.status === 401) toSignIn();
  else if (!approved) back(redirect_uri, { error: "access_denied", state });
  else if (answer.ok && answer.body.code) back(redirect_uri, { code: answer.body.code, state: answer.body.state });
  else failed(words(answer));
}

function show(consent) {
  byId("client").textContent = consent.client_id;
  byId("where").textContent = new URL(consent.redirect_uri).href.split("?")[0];
  byId("who").textContent = `${consent.user.display_name} (${consent.user.email})`;
  byId("other").href = signInFirst();
  for (const scope of consent.scope.split(" ").filter(Boolean)) {
    byId("scopes").append(Object.assign(document.createElement("li"), { textContent: SCOPES[scope] || scope }));
  }
  for (const [id, approved] of [["approve", true], ["deny", false]]) {
    byId(id).addEventListener("click", () => decided(consent, approved).catch((error) => failed(error.message)));
  }
  byId("consent").hidden = false;
  busy(false);
  byId("title").focus();
}

async function start() {
  if (!token()) return toSignIn();
  const answer = await asked(location.search);
  if (answer.status === 401) toSignIn();
  else if (answer.ok) show(answer.body);
  else failed(words(answer));
}

start().catch((error) => failed(error.message));
