// The front end of TrainingDesk. All numbers come from the kernel, where the net is; here they are drawn.

const SPEEDS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10000];
const SILENT =
  "The kernel does not answer. It is busy with another cell, or it was restarted: then run this cell again.";
const SAY_SEEN_EVERY = 500; // ms; the kernel pauses when no page says so any more

/** 1, 2, 4, 8, ... and all N examples. */
function batchSizes(n) {
  const sizes = [];
  for (let size = 1; size < n; size *= 2) sizes.push(size);
  return [...sizes, n];
}

/** Where in `values`, which grow by factors, `value` lies closest. */
function closest(values, value) {
  const distance = (x) => Math.abs(Math.log(x / value));
  return values.reduce((best, x, i) => (distance(x) < distance(values[best]) ? i : best), 0);
}

function knobs(model) {
  const n = model.get("_n_train"), sizes = batchSizes(n);
  return [
    slider(model, {
      name: "learning_rate", label: "Learning rate", last: 80, // 20 positions a power of ten, from 0.001 to 10
      toValue: (position) => Number((10 ** (position / 20 - 3)).toPrecision(3)),
      toPosition: (value) => Math.round(20 * (Math.log10(value) + 3)),
      say: short,
    }),
    slider(model, {
      name: "batch_size", label: "Batch size", last: sizes.length - 1,
      toValue: (position) => sizes[position],
      toPosition: (value) => closest(sizes, value),
      say: (value) => (value === n ? `${n} (all: gradient descent)` : String(value)),
    }),
    slider(model, {
      name: "steps_per_second", label: "Speed", last: SPEEDS.length - 1,
      toValue: (position) => SPEEDS[position],
      toPosition: (value) => closest(SPEEDS, value),
      say: (value) => `${value} steps/s${value === SPEEDS.at(-1) ? " if it can" : ""}`,
    }),
  ];
}

function buttons(model, ask) {
  const play = button("▶", "Play", () => {
    model.set("playing", !model.get("playing"));
    model.save_changes();
    ask();
  });
  const rename = () => (model.get("playing") ? play.rename("❙❙", "Pause") : play.rename("▶", "Play"));
  model.on("change:playing", rename);
  rename();
  const request = (what) => () => { model.send({ do: what }); ask(); };
  return [play, button("→", "Step", request("step")), button("↺", "Reset", request("reset"))];
}

/** Spoken when it changes, so it changes only with what a person does or has to know. */
function status(model) {
  const line = make("div", { role: "status", class: "edf-status" });
  const update = () => {
    if (line.textContent !== model.get("message")) line.textContent = model.get("message");
    line.classList.toggle("edf-trouble", model.get("_trouble") !== "");
  };
  model.on("change:message change:_trouble", update);
  update();
  return { line, update };
}

function readOuts(model) {
  const known = (value, text) => (value === null ? "–" : text(value));
  const entries = [
    ["step", () => String(model.get("steps"))],
    ["epoch", () => model.get("epoch").toFixed(1)],
    ["loss (nats)", () => known(model.get("loss"), (loss) => loss.toPrecision(3))],
    ["test accuracy", () => known(model.get("test_accuracy"), (share) => `${(100 * share).toFixed(1)} %`)],
  ];
  const values = entries.map(() => make("span", { class: "edf-number" }));
  const list = make("div", { class: "edf-numbers" },
    ...entries.map(([name], i) => make("div", {}, make("span", { text: `${name} ` }), values[i])));
  return { list, update: () => entries.forEach(([, text], i) => { values[i].textContent = text(); }) };
}

/** Rows of a binary trait as arrays, `width` numbers each. */
function rows(model, name, width) {
  const all = floats(model.get(name));
  return Array.from({ length: all.length / width }, (_, i) => all.subarray(i * width, (i + 1) * width));
}

/** Frame, ticks, labels and title of one plot; returns the functions that place a step and a value in it. */
function plot(context, colour, { left, top, width, height, last, low, high, log, ticks, title, say }) {
  const scale = log ? Math.log10 : (value) => value;
  const x = (step) => left + (step / last) * width;
  const y = (value) => top + height - ((scale(value) - scale(low)) / (scale(high) - scale(low))) * height;
  context.font = "12px sans-serif";
  context.fillStyle = colour.ink;
  context.strokeStyle = colour.faint;
  context.lineWidth = 1;
  context.textAlign = "left";
  context.fillText(title, left, top - 7);
  context.textAlign = "right";
  for (const tick of ticks) {
    context.fillText(say(tick), left - 6, y(tick) + 4);
    context.beginPath();
    context.moveTo(left, y(tick));
    context.lineTo(left + width, y(tick));
    context.stroke();
  }
  return { x, y };
}

function stroke(context, points, colour, width, dash = []) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.setLineDash(dash);
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
  context.setLineDash([]);
  if (points.length === 1) context.fillRect(points[0][0] - 2, points[0][1] - 2, 4, 4); // one point is no line
}

/** The loss on a logarithmic axis, each batch and smoothed, with the loss of guessing to compare with. */
function drawLoss(context, colour, box, losses, classes) {
  const guessing = Math.log(classes);
  const values = losses.flatMap(([, loss]) => (loss > 0 ? [loss] : []));
  const low = Math.min(0.1, roundDown(Math.max(1e-6, Math.min(...values, guessing))));
  const high = Math.max(5, roundUp(Math.max(...values, guessing)));
  const ticks = [];
  for (let tick = 10 ** Math.floor(Math.log10(low) + 1e-9); tick <= high * 1.001; tick *= 10) {
    for (const value of high / low > 200 ? [tick] : [tick, 2 * tick, 5 * tick]) {
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
    }
  }
  const { x, y } = plot(context, colour, {
    ...box, low, high, log: true, ticks, say: short, title: "training loss (nats)",
  });
  const at = (column) => losses.map((row) => [x(row[0]), y(Math.max(row[column], low))]);
  stroke(context, at(1), colour.raw, 1);
  stroke(context, at(2), colour.line, 2.5);
  stroke(context, [[box.left, y(guessing)], [box.left + box.width, y(guessing)]], colour.ink, 1, [4, 4]);
  context.textAlign = "right";
  context.fillText(`guessing: ln ${classes} = ${guessing.toFixed(2)}`, box.left + box.width, y(guessing) - 5);
}

function drawAccuracy(context, colour, box, accuracies) {
  const { x, y } = plot(context, colour, {
    ...box, low: 0, high: 1, ticks: [0, 0.5, 1], say: (share) => `${100 * share}`, title: "test accuracy (%)",
  });
  stroke(context, accuracies.map(([step, share]) => [x(step), y(share)]), colour.good, 2.5);
}

function drawCurves(model, { begin, end }, colour) {
  const { context, width, height } = begin();
  const last = Math.max(100, roundUp(model.get("steps")));
  const left = 42, right = 14, plotWidth = width - left - right;
  drawLoss(context, colour, { left, top: 22, width: plotWidth, height: height - 168, last },
    rows(model, "_losses", 3), model.get("_n_classes"));
  drawAccuracy(context, colour, { left, top: height - 118, width: plotWidth, height: 80, last },
    rows(model, "_accuracies", 2));
  context.fillStyle = colour.ink;
  context.textAlign = "center";
  for (const step of [0, last / 2, last]) {
    const outermost = width - context.measureText(step).width / 2 - 1; // a long number would be cut off at the edge
    context.fillText(step, Math.min(left + (step / last) * plotWidth, outermost), height - 22);
  }
  context.fillText("step", left + plotWidth / 2, height - 6);
  end();
}

/** The digits as one small picture, `side` pixels wide, in the colour of ink. */
function inked(pixels, side, ink) {
  const small = make("canvas", { width: side, height: pixels.length / side });
  const context = small.getContext("2d");
  const image = context.createImageData(small.width, small.height);
  pixels.forEach((value, i) => { image.data[4 * i + 3] = value; });
  context.putImageData(image, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = ink;
  context.fillRect(0, 0, small.width, small.height);
  return small;
}

function drawDigit(context, colour, image, { x, y, size }, side, i, label, prediction) {
  context.drawImage(image, 0, i * side, side, side, x, y, size, size);
  const right = label === prediction;
  context.fillStyle = context.strokeStyle = right ? colour.good : colour.bad;
  context.lineWidth = right ? 1 : 3;
  if (prediction !== undefined) context.strokeRect(x - 2, y - 2, size + 4, size + 4);
  context.textAlign = "left";
  context.font = "bold 13px sans-serif";
  if (prediction !== undefined) context.fillText(right ? "✓" : "✗", x - 2, y + size + 17);
  context.fillStyle = colour.ink;
  const text = prediction === undefined ? `(${label})` : right ? `${prediction}` : `${prediction} (${label})`;
  context.fillText(text, x + 12, y + size + 17);
}

function drawDigits(model, { canvas, begin, end }, colour) {
  const pixels = bytes(model.get("_pixels")), labels = bytes(model.get("_labels"));
  const predictions = bytes(model.get("_predictions"));
  const side = Math.sqrt(pixels.length / labels.length);
  const available = canvas.getBoundingClientRect().width;
  const columns = [15, 10, 6, 5].find((count) => available / count >= 56) ?? 5;
  const cell = available / columns, size = Math.min(cell - 12, 64), pitch = size + 28;
  canvas.style.height = `${Math.ceil(labels.length / columns) * pitch}px`;
  const { context } = begin();
  context.imageSmoothingEnabled = false;
  const image = inked(pixels, side, colour.ink);
  labels.forEach((label, i) => {
    const place = { x: (i % columns) * cell + 4, y: Math.floor(i / columns) * pitch + 4, size };
    drawDigit(context, colour, image, place, side, i, label, predictions[i]);
  });
  end();
}

function render({ model, el }) {
  const curves = sharpCanvas("edf-curves"), digits = sharpCanvas("edf-digits");
  const { line, update } = status(model), numbers = readOuts(model);
  const kernel = listenToKernel(model, {
    answer: "change:_frame", expected: () => model.get("playing"), answered: update,
    silent: () => { line.textContent = SILENT; },
  });
  const desk = make("div", { class: "edf-desk", role: "group", "aria-label": "Training desk" },
    make("div", { class: "edf-buttons" }, ...buttons(model, kernel.ask), line),
    make("div", { class: "edf-knobs" }, ...knobs(model)),
    make("div", {}, numbers.list, curves.canvas, make("p", { text: "Thin: the loss of each batch. Thick: smoothed." })),
    make("div", {}, digits.canvas,
      make("p", { text: "Test digits. ✓ right, ✗ wrong: the net's answer (the true digit)." })));
  el.classList.add("edf-figure");
  el.append(desk);

  const draw = () => {
    numbers.update();
    const colour = colours(el, "ink", "faint", "raw", "line", "good", "bad");
    drawCurves(model, curves, colour);
    drawDigits(model, digits, colour);
    curves.canvas.setAttribute("aria-label", model.get("_curve_text"));
    digits.canvas.setAttribute("aria-label", model.get("_digits_text"));
  };
  const { ask, stop } = redraw(el, draw);
  let said = 0;
  model.on("change:_frame", () => {
    if (model.get("playing") && performance.now() > said + SAY_SEEN_EVERY) {
      said = performance.now();
      model.send({ seen: model.get("_frame") });
    }
    ask();
  });
  ask();
  return () => { stop(); kernel.stop(); };
}

export default { render };
