// Elements made of values: text goes in as text, so nothing from a ledger can become markup.
const SVG = "http://www.w3.org/2000/svg";

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const h = (tag, properties, ...children) => filled(document.createElement(tag), properties, children);
export const s = (tag, properties, ...children) => filled(document.createElementNS(SVG, tag), properties, children);
export const find = (id) => document.getElementById(id);

// Lets `place` look like `nodes`. What is there already stays the same element, so that focus,
// selection and hovering outlive a look; listeners stay as they were first made.
export function show(place, ...nodes) {
  const fresh = document.createElement("div");
  fresh.append(...nodes.flat(Infinity).filter((node) => node !== null && node !== undefined && node !== ""));
  patch(place, fresh);
}

function patch(place, fresh) {
  const [old, wanted] = [[...place.childNodes], [...fresh.childNodes]];
  wanted.forEach((node, k) => {
    const there = old[k];
    if (!there) place.append(node);
    else if (there.nodeName !== node.nodeName) there.replaceWith(node);
    else if (node.nodeType !== Node.ELEMENT_NODE) { if (there.data !== node.data) there.data = node.data; }
    else { alike(there, node); patch(there, node); }
  });
  old.slice(wanted.length).forEach((node) => node.remove());
}

function alike(there, node) {
  for (const { name } of [...there.attributes]) if (!node.hasAttribute(name)) there.removeAttribute(name);
  for (const { name, value } of node.attributes) if (there.getAttribute(name) !== value) there.setAttribute(name, value);
}
