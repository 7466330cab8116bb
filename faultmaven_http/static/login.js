"use strict";

const byId = (id) => document.getElementById(id);
const root = document.documentElement.dataset.root;
const STATE = "fm_auth_state";
const ERRAND = "fm_errand"; // what is kept here while somebody is at the issuer's page
const query = () => new URLSearchParams(location.search);
const forExtension = () => query().get("source") === "extension";

/** Where to go once signed in: an address of this server and no other's, or null. */
function next() {
  const asked = query().get("next");
  if (!asked || !URL.canParse(asked, location.href)) return null;
  const address = new URL(asked, location.href);
  return asked.startsWith("/") && address.origin === location.origin ? address.href : null;
}

async function told(path, options) {
  let answer;
  try {
    answer = await fetch(`${root}/api/v1/auth/${path}`, { ...options, headers: { "Content-Type": "application/json" } });
  } catch {
    throw new Error("The server does not answer. Is it running?");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const refused = new Error(typeof body.detail === "string" ? body.detail : `The server answered ${answer.status}.`);
    refused.field = body.error?.details?.field;
    throw refused;
  }
  return body;
}

const post = (path, body) => told(path, { method: "POST", body: JSON.stringify(body) });

function signIn({ username, password }) {
  return password ? post("login", { username: username.trim(), password }) : post("dev-login", { username: username.trim() });
}

function register({ email, full_name, password }) {
  return post("register", { email: email.trim(), full_name: full_name.trim(), password });
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** Go to the issuer's page, with the challenge of a verifier that stays in this tab (RFC 7636). */
async function leave() {
  if (!crypto.subtle) throw new Error("The browser keeps this from pages without https.");
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const asked = new URLSearchParams({
    redirect_uri: location.origin + location.pathname,
    code_challenge: base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))),
    code_challenge_method: "S256",
  });
  const { authorization_url, state } = await told(`login/initiate?${asked}`, { method: "POST" });
  sessionStorage.setItem(ERRAND, JSON.stringify({ verifier, state, search: location.search }));
  location.assign(authorization_url);
}

/** Back from the issuer: under the address of before, with what it says; null where nobody comes from there. */
function returned() {
  const said = query();
  if (!said.has("state") || !(said.has("code") || said.has("error"))) return null;
  const errand = JSON.parse(sessionStorage.getItem(ERRAND) || "{}");
  sessionStorage.removeItem(ERRAND);
  history.replaceState(null, "", location.pathname + (errand.search || ""));
  return { said, errand };
}

/** What the issuer's code is good for, here and once. */
function arrived({ said, errand }) {
  if (said.get("state") !== errand.state) throw new Error("This sign-in was not begun here. Please try again.");
  if (!said.has("code")) throw new Error(`The issuer lets nobody in: ${said.get("error_description") || said.get("error")}`);
  const given = new URLSearchParams({ code: said.get("code"), state: errand.state, code_verifier: errand.verifier });
  if (said.has("iss")) given.set("iss", said.get("iss"));
  return told(`callback?${given}`);
}

/** What a sign-in gave goes to whoever asked for it. */
function signedIn(state) {
  const on = next();
  if (forExtension()) {
    localStorage.setItem(STATE, JSON.stringify(state));
    window.postMessage({ type: "FM_AUTH_SUCCESS", payload: state }, location.origin);
  } else {
    sessionStorage.setItem(STATE, JSON.stringify(state));
    if (on) {
      location.replace(on);
      return;
    }
  }
  for (const form of document.forms) form.hidden = true;
  byId("issuer").hidden = true;
  byId("title").textContent = document.title = "Sign in successful";
  byId("who").textContent = `You are signed in as ${state.user.display_name || state.user.username}.`;
  byId("next").textContent = forExtension()
    ? "Close this page and open the extension's panel again."
    : "Go back to the program that sent you here, or use the API.";
  byId("elsewhere").hidden = forExtension();
  byId("why").hidden = true;
  byId("done").hidden = false;
  byId("title").focus();
}

function failed(form, error) {
  byId("said").textContent = error.message;
  const inputs = [...form.querySelectorAll("input")];
  const wrong = inputs.find((input) => input.name === error.field) || inputs.find((input) => input.required);
  wrong.setAttribute("aria-invalid", "true");
  wrong.focus();
}

function handled(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type])");
    if (button.disabled) return;
    byId("said").textContent = "";
    for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    button.disabled = true;
    try {
      signedIn(await work(Object.fromEntries(new FormData(form))));
    } catch (error) {
      failed(form, error);
    } finally {
      button.disabled = false;
    }
  });
}

function shown(form) {
  byId("said").textContent = "";
  for (const one of document.forms) one.hidden = one !== form;
  byId("title").textContent = form.id === "register" ? "Open an account" : "Sign in";
  form.querySelector("input").focus();
}

function offered(name) {
  const button = byId("to-issuer");
  button.textContent = `Sign in with ${name}`;
  button.addEventListener("click", async () => {
    byId("said").textContent = "";
    button.disabled = true;
    await leave().catch((error) => (byId("said").textContent = error.message));
    button.disabled = false;
  });
  byId("issuer").hidden = false;
  button.focus();
}

async function start() {
  const back = returned();
  if (forExtension()) localStorage.removeItem(STATE); // one of before may have ended, and would be taken for this one
  byId("why").hidden = !next();
  handled(byId("sign-in"), signIn);
  handled(byId("register"), register);
  byId("to-register").addEventListener("click", () => shown(byId("register")));
  byId("to-sign-in").addEventListener("click", () => shown(byId("sign-in")));
  if (back) {
    try {
      return signedIn(await arrived(back));
    } catch (error) {
      byId("said").textContent = error.message;
    }
  }
  const config = await told("config").catch(() => ({}));
  byId("password").required = !config.passwordless;
  byId("optional").hidden = !config.passwordless;
  byId("offer").hidden = !config.supports_registration;
  if (config.issuer_name) offered(config.issuer_name);
}

// An extension takes a sign-in over from pages of localhost, and not from the same ones under the address.
if (location.protocol === "http:" && ["127.0.0.1", "[::1]"].includes(location.hostname)) {
  const same = new URL(location.href);
  same.hostname = "localhost";
  location.replace(same);
} else {
  start();
}
