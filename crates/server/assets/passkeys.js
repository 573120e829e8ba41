// Passkeys: takes the options that stand in the form or that the server gives
// for a question, asks the browser for a credential, puts it into the form as
// JSON and sends the form. Binary fields travel as base64url, the form that
// PublicKeyCredential.toJSON gives.
"use strict";
(() => {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  const ask = async (path) => {
    const answer = await fetch(path, { method: "POST", headers: { accept: "application/json" } });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.detail ?? said.title ?? `The server answered ${answer.status}.`);
    return said;
  };
  const acts = {
    get: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
    create: (options) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  };
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const state = form.querySelector(".passkey-state");
      const { passkey, question, options } = form.dataset;
      try {
        const asked = question ? await ask(question) : { options: JSON.parse(options) };
        const wish = asked.options ?? asked.passkey;
        const credential = await acts[passkey](wish.publicKey ?? wish);
        if (asked.ticket) form.elements.namedItem("ticket").value = asked.ticket;
        form.elements.namedItem("answer").value = JSON.stringify(credential.toJSON());
        // Not requestSubmit: this is the answer to a submit already.
        form.submit();
      } catch (error) {
        state.textContent = error.name === "NotAllowedError" ? "It was cancelled, or took too long." : error.message;
      }
    });
  }
})();
