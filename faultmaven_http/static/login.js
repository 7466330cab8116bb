"use strict";

const byId = (id) => document.getElementById(id);
const root = document.documentElement.dataset.root;
const query = new URLSearchParams(location.search);
const forExtension = query.get("source") === "extension";
const STATE = "fm_auth_state";

/** Where to go once signed in: an address of this server and no other's, or null. */
function next() {
  const asked = query.get("next");
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

/** What a sign-in gave goes to whoever asked for it. */
function signedIn(state) {
  const on = next();
  if (forExtension) {
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
  byId("title").textContent = document.title = "Sign in successful";
  byId("who").textContent = `You are signed in as ${state.user.display_name || state.user.username}.`;
  byId("next").textContent = forExtension
    ? "Close this page and open the extension's panel again."
    : "Go back to the program that sent you here, or use the API.";
  byId("elsewhere").hidden = forExtension;
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

async function start() {
  if (forExtension) localStorage.removeItem(STATE); // one of before may have ended, and would be taken for this one
  byId("why").hidden = !next();
  handled(byId("sign-in"), signIn);
  handled(byId("register"), register);
  byId("to-register").addEventListener("click", () => shown(byId("register")));
  byId("to-sign-in").addEventListener("click", () => shown(byId("sign-in")));
  const config = await told("config").catch(() => ({}));
  byId("password").required = !config.passwordless;
  byId("optional").hidden = !config.passwordless;
  byId("offer").hidden = !config.supports_registration;
}

// An extension takes a sign-in over from pages of localhost, and not from the same ones under the address.
if (location.protocol === "http:" && ["127.0.0.1", "[::1]"].includes(location.hostname)) {
  const same = new URL(location.href);
  same.hostname = "localhost";
  location.replace(same);
} else {
  start();
}
