// Passkeys: asks the server for options, the browser for a credential, and
// hands it back as JSON. Binary fields travel as base64url, the form that
// PublicKeyCredential.toJSON gives.
"use strict";
(() => {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "accept": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.detail ?? said.title ?? `The server answered ${answer.status}.`);
    return said;
  };
  const token = (form) => form.querySelector("[name=form_token]")?.value;
  const acts = {
    get: async (form) => {
      const { options, state } = await post("/console/sign-in/passkey/options", { form_token: token(form) });
      const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey ?? options) });
      const { next } = await post("/console/sign-in/passkey", { credential: credential.toJSON(), state, next: form.dataset.next, form_token: token(form) });
      // Only a page of the console: the answer is the server's, the wish was in the address.
      location.assign(/^\/console(\/|\?|$)/.test(next ?? "") ? next : "/console");
    },
    create: async (form) => {
      const name = form.elements.namedItem("name").value;
      const { options, state } = await post("/console/account/passkeys/options", { name, form_token: token(form) });
      const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey ?? options) });
      await post("/console/account/passkeys", { name, credential: credential.toJSON(), state, form_token: token(form) });
      location.reload();
    },
  };
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const state = form.querySelector(".passkey-state");
      try {
        await acts[form.dataset.passkey](form);
      } catch (error) {
        state.textContent = error.name === "NotAllowedError" ? "It was cancelled, or took too long." : error.message;
      }
    });
  }
})();
