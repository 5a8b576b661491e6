// The cells to try: JupyterLite's own button, which is told first whether it can work here.
(() => {
  const home = new URL("..", document.currentScript.src);
  const pyodide = new URL(document.currentScript.dataset.pyodide, home);
  const show = window.jupyterliteShowIframe;
  window.jupyterliteConcatSearchParams = (source) => source; // its own fails in pages from files

  const reached = async () => {
    if (location.protocol === "file:") {
      throw new Error("Browsers run Python only in pages from a server. For this copy of the site: " +
        "python -m http.server -d build/site");
    }
    const limit = AbortSignal.timeout(8000);
    try {
      const answer = await fetch(pyodide, { method: "HEAD", signal: limit });
      if (!answer.ok) throw new Error(answer.status);
    } catch {
      throw new Error(`${pyodide.host} was not reached, from which Python comes into the browser. ` +
        "The lines above run in any Python that has minigrad, too.");
    }
  };

  const told = (box, text) => {
    let note = box.nextElementSibling;
    if (!note?.classList.contains("try-note")) {
      note = document.createElement("p");
      note.className = "try-note";
      note.setAttribute("role", "status");
      box.after(note);
    }
    note.textContent = text;
    note.hidden = !text;
  };

  window.jupyterliteShowIframe = async (id, source) => {
    const box = document.getElementById(id).parentNode;
    if (box.dataset.state) return; // asked for already
    box.dataset.state = "asked";
    told(box, "");
    try {
      await reached();
    } catch (error) {
      delete box.dataset.state;
      told(box, error.message);
      return;
    }
    const dark = document.documentElement.dataset.theme === "dark";
    const theme = dark ? "JupyterLab Dark" : "JupyterLab Light";
    box.dataset.state = "open";
    box.removeAttribute("role");
    box.removeAttribute("tabindex");
    show(id, `${source}&theme=${encodeURIComponent(theme)}`);
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll(".jupyterlite_sphinx_iframe_container")) {
      box.setAttribute("role", "button");
      box.tabIndex = 0;
      box.addEventListener("keydown", (event) => {
        if (event.target === box && (event.key === "Enter" || event.key === " ")) {
          event.preventDefault();
          box.click();
        }
      });
    }
  });
})();
