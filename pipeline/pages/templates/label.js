"use strict";
// Moves the labelling form to the keyboard. Everything works without it, with more clicks.
(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId("ask");
  const help = byId("help");
  let sent = false;

  const press = (id) => {
    const button = byId(id);
    if (button && !sent) button.click();
  };

  // A second press of a key must not send the next page's form.
  document.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    else if (!event.defaultPrevented) sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });

  const topic = byId("topic");
  const wrong = byId("wrong");
  const topics = [...document.querySelectorAll("#topics option")].map((option) => ({
    name: option.value,
    told: option.textContent,
  }));
  const list = document.createElement("ul");
  let shown = [];
  let chosen = -1;

  const tell = (text) => {
    wrong.textContent = text;
    wrong.hidden = !text;
  };

  // Names that begin so come first, then words that do, then what contains it, then meanings.
  const rank = (one, text) => {
    const name = one.name.toLowerCase();
    if (name.startsWith(text)) return 0;
    if (name.split(/[^a-z0-9]+/).some((word) => word.startsWith(text))) return 1;
    if (name.includes(text)) return 2;
    return one.told.toLowerCase().includes(text) ? 3 : 4;
  };

  const exact = (text) => topics.find((one) => one.name.toLowerCase() === text);

  const mark = (index) => {
    chosen = index;
    [...list.children].forEach((item, at) => {
      item.setAttribute("aria-selected", String(at === chosen));
      if (at === chosen) item.scrollIntoView({ block: "nearest" });
    });
    if (chosen < 0) topic.removeAttribute("aria-activedescendant");
    else topic.setAttribute("aria-activedescendant", `choice-${chosen}`);
  };

  const close = () => {
    list.hidden = true;
    topic.setAttribute("aria-expanded", "false");
    mark(-1);
  };

  const take = (index) => {
    topic.value = shown[index].name;
    close();
    tell("");
  };

  const open = () => {
    const text = topic.value.trim().toLowerCase();
    shown = topics
      .map((one, at) => ({ ...one, at, rank: text ? rank(one, text) : 0 }))
      .filter((one) => one.rank < 4)
      .sort((one, other) => one.rank - other.rank || one.at - other.at);
    list.replaceChildren(...shown.map((one, at) => {
      const item = document.createElement("li");
      const name = document.createElement("b");
      const told = document.createElement("span");
      name.textContent = one.name;
      told.textContent = one.told;
      item.id = `choice-${at}`;
      item.setAttribute("role", "option");
      item.append(name, told);
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(at);
      });
      return item;
    }));
    list.hidden = !shown.length;
    topic.setAttribute("aria-expanded", String(!list.hidden));
    mark(text && shown.length ? 0 : -1);
  };

  const sayMood = (number) => {
    const moods = [...form.elements.sentiment];
    moods[number - 1].checked = true;
    tell("");
    topic.focus();
  };

  const save = () => {
    const text = topic.value.trim().toLowerCase();
    if (text && !exact(text) && chosen >= 0) take(chosen);
    form.requestSubmit(byId("save"));
  };

  const typed = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) open();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (shown.length) mark((Math.max(chosen, step < 0 ? 0 : -1) + step + shown.length) % shown.length);
    } else if (event.key === "Tab" && !event.shiftKey && chosen >= 0 && !list.hidden) {
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (chosen >= 0 && !list.hidden && !exact(topic.value.trim().toLowerCase())) take(chosen);
      save();
    }
  };

  if (form) {
    topic.removeAttribute("list");
    topic.setAttribute("role", "combobox");
    topic.setAttribute("aria-controls", "choices");
    topic.setAttribute("aria-autocomplete", "list");
    list.id = "choices";
    list.className = "choices";
    list.setAttribute("role", "listbox");
    topic.after(list);
    close();
    topic.addEventListener("input", () => { tell(""); open(); });
    topic.addEventListener("focus", () => { topic.select(); open(); });
    topic.addEventListener("blur", close);
    form.addEventListener("submit", (event) => {
      if (event.submitter && event.submitter.id === "skip") return;
      const text = topic.value.trim().toLowerCase();
      if (text && !exact(text)) {
        tell(`No topic is called “${topic.value.trim()}”: choose one of the list, or leave it empty.`);
      } else if (!text && !form.elements.sentiment.value) {
        tell("Say at least one: press 1, 2 or 3, or type a topic.");
      } else {
        return;
      }
      event.preventDefault();
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const typing = form && document.activeElement === topic;
    const onButton = document.activeElement && document.activeElement.matches("button, a, summary");
    if (event.key === "?") {
      event.preventDefault();
      help.open = !help.open;
      if (help.open) help.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Escape") {
      if (typing) topic.blur();
      else help.open = false;
    } else if (form && /^[123]$/.test(event.key)) {
      event.preventDefault();
      sayMood(Number(event.key));
    } else if (typing) {
      typed(event);
    } else if (event.key === "s" || event.key === "u") {
      event.preventDefault();
      press(event.key === "s" ? "skip" : "undo");
    } else if (form && event.key === "t") {
      event.preventDefault();
      topic.focus();
    } else if (form && event.key === "Enter" && !onButton) {
      event.preventDefault();
      save();
    }
  });
})();
