// What every figure's front end shares. figure.py puts this file in front of the figure's own: nothing is imported.

/** An element with attributes (`text` is its content) and children. */
function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** A native control. JupyterLab binds arrows, Enter and Space in command mode: without the mark it would take them. */
function control(tag, attributes) {
  const element = make(tag, attributes);
  element.dataset.lmSuppressShortcuts = "true";
  return element;
}

function button(symbol, text, onClick) {
  const element = control("button", { type: "button", class: "edf-button" });
  const label = make("span", { text });
  element.append(make("span", { text: symbol, "aria-hidden": "true", class: "edf-symbol" }), label);
  element.addEventListener("click", onClick);
  element.rename = (newSymbol, newText) => {
    element.firstChild.textContent = newSymbol;
    label.textContent = newText;
  };
  return element;
}

/**
 * A labelled range for the trait `name`, which any ipywidgets control can be linked to as well.
 * Its positions, 0 ... `last`, are whole numbers; `toValue` and `toPosition` translate; `say` gives the text that is
 * shown, and read aloud in place of the position.
 */
function slider(model, { name, label, last, toValue, toPosition, say }) {
  const id = `edf-${name}-${Math.random().toString(36).slice(2)}`;
  const input = control("input", { type: "range", id, min: 0, max: last, step: 1 });
  const shown = make("span", { class: "edf-value", "aria-hidden": "true" }); // the input itself says it
  const update = () => {
    const value = model.get(name);
    input.value = toPosition(value);
    shown.textContent = say(value);
    input.setAttribute("aria-valuetext", say(value));
  };
  input.addEventListener("input", () => {
    model.set(name, toValue(Number(input.value)));
    model.save_changes();
    update();
  });
  model.on(`change:${name}`, update);
  update();
  return make("div", { class: "edf-slider" }, make("label", { for: id, text: label }), shown, input);
}

/** A canvas as sharp as the screen: `context` draws in CSS pixels, and `size` is read from the page at each frame. */
function sharpCanvas(className) {
  const canvas = make("canvas", { class: className, role: "img", "data-draws": 0 });
  const begin = () => {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = canvas.getBoundingClientRect();
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    return { context, width, height };
  };
  const end = () => { canvas.dataset.draws = Number(canvas.dataset.draws) + 1; }; // tests wait for this
  return { canvas, begin, end };
}

/** Read the colours that figure.css sets for the theme: canvas cannot use CSS variables itself. */
function colours(element, ...names) {
  const style = getComputedStyle(element);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--edf-${name}`).trim()]));
}

/**
 * Call `draw` once a frame at most: when asked, when the figure's width changes and when the theme does.
 * Returns { ask, stop }. Who asks the system for less motion gets two pictures a second.
 */
function redraw(element, draw) {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0, timer = 0, last = 0;
  const now = () => { frame = 0; last = performance.now(); draw(); };
  const ask = () => {
    if (frame || timer) return;
    const wait = calm.matches ? last + 500 - performance.now() : 0;
    if (wait <= 0) frame = requestAnimationFrame(now);
    else timer = setTimeout(() => { timer = 0; ask(); }, wait);
  };
  const size = new ResizeObserver(ask);
  size.observe(element);
  const theme = new MutationObserver(ask);
  theme.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  const stop = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    size.disconnect();
    theme.disconnect();
  };
  return { ask, stop };
}

/**
 * Call `silent` when the kernel leaves a person's request unanswered for four seconds, and `answered` when it speaks
 * again. `ask` says that something was requested; while `expected()` is true each answer is waited for anew.
 */
function listenToKernel(model, { answer, expected, silent, answered }) {
  let timer = 0;
  const ask = () => { timer ||= setTimeout(silent, 4000); };
  model.on(answer, () => {
    clearTimeout(timer);
    timer = 0;
    answered();
    if (expected()) ask();
  });
  return { ask, stop: () => clearTimeout(timer) };
}

/** Binary traits arrive as DataViews at any offset; a Float32Array wants a multiple of four. */
function bytes(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function floats(view) {
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** The smallest of 1, 2, 5, 10, 20, 50, ... that is not below x: an axis that grows in steps does not tremble. */
function roundUp(x) {
  const power = 10 ** Math.floor(Math.log10(x) + 1e-9);
  return [1, 2, 5, 10].map((digit) => digit * power).find((value) => value >= x * (1 - 1e-9));
}

function roundDown(x) {
  return 1 / roundUp(1 / x);
}

/** A number in three digits, without an exponent. */
function short(x) {
  return String(Number(x.toPrecision(3)));
}
