"""What a reader would see as broken on a page: on a desk and on a phone, by day and by night."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.reports.html.browser import wait_until

READABLE = 4.5
"""Least ratio of a text's colour to the one behind it (WCAG 2, 1.4.3)."""
_FAULTS = """
  const found = [];
  const box = (node) => node.getBoundingClientRect();
  const say = (what, ...nodes) =>
    found.push(`${what}: ${nodes.map((node) => node.textContent.slice(0, 60)).join(" | ")}`);
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window");
  for (const node of document.querySelectorAll("main *, .bar *")) {
    if (node.closest(".part-read, .part-chart, .part-curve, svg")) continue;
    const hides = getComputedStyle(node).overflowX === "hidden";
    if (hides && node.scrollWidth > node.clientWidth + 1) say("cut", node);
  }
  const places = "main, .card, .tiles, .tile, .sessions, .title, .bar, .held, .money, .facts";
  for (const place of document.querySelectorAll(places)) {
    const inside = [...place.children].filter((node) => box(node).width && box(node).height);
    const outer = box(place);
    inside.forEach((node, k) => {
      const a = box(node);
      if (a.left < outer.left - 1 || a.right > outer.right + 1) say("sticks out", node);
      for (const other of inside.slice(k + 1)) {
        const b = box(other);
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 1) say("covered", node, other);
      }
    });
  }
  return found;
"""
_FAINT = """
  const part = (value) => {
    const x = value / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  };
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let place = node; place; place = place.parentElement) {
      const colour = getComputedStyle(place).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const written = (node) => [...node.childNodes].some(
    (child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
  const apart = "svg, canvas, button:disabled, .legend b";
  return [...document.querySelectorAll("main *, .bar *")]
    .filter((node) => !node.closest(apart) && written(node) && node.getClientRects().length)
    .map((node) => {
      const both = [light(getComputedStyle(node).color), light(behind(node))];
      const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
      return [ratio, node.textContent.slice(0, 40)];
    })
    .filter(([ratio]) => ratio < arguments[0]);
"""


def show_as(window: Any, dark: bool) -> None:
    """Let the window's system be so coloured."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def broken(
    windows: Iterable[Any], address: str, awaited: str, seen: Callable[[Any, str], None]
) -> dict[str, list[Any]]:
    """By look, what is cut, covered, sticks out or is hard to read on a page on which `awaited`
    comes to stand; `seen` is told of each window while it shows it."""
    found = {}
    for window in windows:
        for dark in (True, False):
            show_as(window, dark)
            window.get("about:blank")
            window.get(address)
            wait_until(window, "return document.body.innerText.includes(arguments[0])", awaited)
            width = window.execute_script("return innerWidth")
            look = f"{width}-{'dark' if dark else 'light'}"
            seen(window, look)
            faults = window.execute_script(_FAULTS) + window.execute_script(_FAINT, READABLE)
            if faults:
                found[look] = faults
    return found
