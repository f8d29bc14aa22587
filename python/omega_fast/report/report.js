
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const RULES = {
  mc: "from the estimate",
  located: "located by search",
  before_right_prefix: "a longer prefix is right",
  right_final_answer: "a solution through it has the right answer",
  wrong_final_answer: "its answer is wrong",
  posterior: "from the posterior",
};

/** An element with a class and children; strings become text nodes, never markup. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

const count = (value) => Number(value).toLocaleString("en");
const percent = (value) => (100 * value).toFixed(1) + " %";
const words = (name) => name.replaceAll("_", " ");
const tally = (counts) =>
  Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([name, n]) => count(n) + " " + words(name)).join(", ");

function card(value, label) {
  return make("div", "card", make("b", "", value), make("span", "", label));
}

function share(proportion, label) {
  const range = " (" + percent(proportion.low) + " to " + percent(proportion.high) + " of " + count(proportion.total) + ")";
  return proportion.value === null ? null : card(percent(proportion.value), label + range);
}

function overview(summary) {
  const numbers = [
    ["finished", "questions finished"],
    ["rollouts", "rollouts"],
    ["tokens", "tokens"],
    ["labels", "labelled states"],
    ["searches", "searches"],
    ["located", "first errors located"],
  ].filter(([name]) => name in summary).map(([name, label]) => card(count(summary[name]), label));
  const shares = [
    summary.exact_hit_accuracy && share(summary.exact_hit_accuracy, "of located errors exactly right"),
    summary.hard_label_accuracy && share(summary.hard_label_accuracy, "of hard labels right"),
  ].filter(Boolean);
  const part = make("header", "", make("h1", "", "Process supervision report"));
  if (summary.run) part.append(make("div", "faint", summary.run));
  part.append(make("section", "cards", ...numbers, ...shares));
  for (const name of ["verdicts", "finishes"]) {
    if (summary[name]) part.append(make("div", "faint", words(name) + ": " + tally(summary[name])));
  }
  for (const warning of summary.warnings ?? []) part.append(make("div", "warning", warning));
  return part;
}

const interval = (low, high) => ", 95 % interval " + low.toFixed(3) + " to " + high.toFixed(3);

/** What a node's soft label and its posterior's value say, for a tooltip. */
function estimates(node) {
  const soft = node.soft === null ? "no soft label" : "soft label " + node.soft.label.toFixed(3) + " (" +
    node.soft.estimator + ", " + node.soft.n_correct + "/" + node.soft.n_rollouts + ")" + interval(node.soft.low, node.soft.high);
  const value = node.value === null ? "" :
    "; posterior mean " + node.value.mean.toFixed(3) + interval(node.value.low, node.value.high);
  return soft + value;
}

function step(node) {
  const known = node.mc !== null;
  const mc = make("div", "mc", known ? node.mc.toFixed(2) + " (" + node.right + "/" + node.judged + ")" : "no estimate");
  if (known) {
    const bar = make("i", "");
    bar.style.setProperty("--mc", node.mc);
    mc.append(bar);
  }
  mc.title = estimates(node);
  const mark = make("span", String(node.hard), node.hard === null ? "" : node.hard ? "\u2713" : "\u2717");
  mark.title = node.hard === null ? "no hard label" : (node.hard ? "right" : "wrong") + ": " + (RULES[node.rule] ?? node.rule);
  const text = make("div", "", make("p", "text", node.parent === null ? "(question)" : node.step.trimEnd()));
  if (node.first_error) text.append(make("div", "badge", "first error"));
  return make("div", node.first_error ? "step error" : "step", mc, mark, text);
}

/** The tree below a node, drawn straight down as long as there is one child, and side by side where it branches. */
function tree(root, children) {
  const whole = make("div", "");
  const todo = [[root, whole]];
  while (todo.length > 0) {
    let [node, place] = todo.pop();
    for (;;) {
      place.append(step(node));
      const next = children.get(node.id) ?? [];
      if (next.length !== 1) {
        for (const child of next) {
          const branch = make("div", "branch");
          place.append(branch);
          todo.push([child, branch]);
        }
        break;
      }
      node = next[0];
    }
  }
  return whole;
}

function detail(question) {
  const children = new Map();
  for (const node of question.nodes) {
    if (!children.has(node.parent)) children.set(node.parent, []);
    children.get(node.parent).push(node);
  }
  const facts = [
    "answer: " + (question.answer ?? "none") + (question.gold_source === "majority" ? " (majority)" : ""),
    count(question.rollouts) + " rollouts",
    question.located + " of " + question.searches + " searches found the error",
    "ended by " + words(question.finish),
  ];
  return [
    make("h2", "", question.id),
    make("div", "problem", make("p", "text", question.problem)),
    make("div", "faint", facts.join("; ")),
    make("div", "tree", tree(children.get(null)[0], children)),
  ];
}

function viewer(questions, total) {
  const place = make("article", "");
  const list = make("nav", "");
  const buttons = questions.map((question, index) => {
    const button = make("button", "", question.id, make("small", "", words(question.finish) + ", " + question.located + " located"));
    button.type = "button";
    button.addEventListener("click", () => show(index));
    return button;
  });
  function show(index) {
    buttons.forEach((button, at) => button.setAttribute("aria-current", String(at === index)));
    place.replaceChildren(...detail(questions[index]));
  }
  list.append(make("div", "faint", count(questions.length) + " of " + count(total) + " questions"), ...buttons);
  if (questions.length > 0) {
    const interesting = questions.findIndex((question) => question.located > 0);
    show(Math.max(0, interesting));
  }
  return make("section", "columns", list, place);
}

document.getElementById("report").append(overview(data.summary), viewer(data.questions, data.total));
