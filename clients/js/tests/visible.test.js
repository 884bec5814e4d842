// @vitest-environment jsdom

import { beforeEach, expect, onTestFinished, test, vi } from "vitest";

import { visibleNow, whenVisible } from "../visible.js";

/** The observers that were made. jsdom has none. */
const observers = [];

class Observer {
  constructor(tell, options) {
    Object.assign(this, { tell, options, observed: new Set() });
    observers.push(this);
  }

  observe(element) {
    this.observed.add(element);
  }

  unobserve(element) {
    this.observed.delete(element);
  }

  disconnect() {
    this.observed.clear();
  }

  /** Tell of these elements, as far as they are observed. */
  see(elements, isIntersecting = true) {
    const seen = elements.filter((target) => this.observed.has(target));
    this.tell(seen.map((target) => ({ target, isIntersecting })));
  }
}

beforeEach(() => {
  observers.length = 0;
  vi.stubGlobal("IntersectionObserver", Observer);
  return () => vi.unstubAllGlobals();
});

function cards(...names) {
  return names.map((name) => {
    const card = document.createElement("section");
    if (name) card.dataset.part = name;
    return card;
  });
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

test("whenVisible() tells the names that become visible in a frame together, each once", async () => {
  const onVisible = vi.fn();
  const all = cards("a", "b", "c", "d");
  whenVisible(all, onVisible, { rootMargin: "200px" });
  const [observer] = observers;
  expect(observer.options).toEqual({ rootMargin: "200px" });
  observer.see([all[0]]);
  observer.see([all[1]]);
  observer.see([all[2]], false);
  expect(onVisible).not.toHaveBeenCalled();
  await frame();
  expect(onVisible.mock.calls).toEqual([[["a", "b"]]]);
  observer.see(all.slice(0, 3));
  await frame();
  expect(onVisible.mock.calls.slice(1)).toEqual([[["c"]]]);
  await frame();
  expect(onVisible).toHaveBeenCalledTimes(2);
});

test("whenVisible() leaves elements without a name, and names a part of two elements once", async () => {
  const onVisible = vi.fn();
  const all = cards(null, "a", "a");
  whenVisible(all, onVisible);
  observers[0].see(all.slice(0, 1));
  await frame();
  expect(onVisible).not.toHaveBeenCalled();
  observers[0].see(all);
  await frame();
  expect(onVisible.mock.calls).toEqual([[["a"]]]);
});

test("whenVisible() tells nothing once it has been ended", async () => {
  const onVisible = vi.fn();
  const all = cards("a", "b");
  const end = whenVisible(all, onVisible);
  observers[0].see([all[0]]);
  end();
  observers[0].see([all[1]]);
  await frame();
  expect(onVisible).not.toHaveBeenCalled();
  expect(observers[0].observed.size).toBe(0);
});

test("visibleNow() gives the names of the elements that are visible", async () => {
  const all = cards("a", "b", null);
  const visible = visibleNow(new Set(all), { threshold: 0.5 });
  const [observer] = observers;
  expect(observer.options).toEqual({ threshold: 0.5 });
  const seen = (target) => ({ target, isIntersecting: target !== all[1] });
  observer.tell(all.map(seen));
  expect(await visible).toEqual(["a"]);
  expect(observer.observed.size).toBe(0);
});

test("visibleNow() gives no name where nothing can be seen", async () => {
  expect(await visibleNow([])).toEqual([]);
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  onTestFinished(() => hidden.mockRestore());
  expect(await visibleNow(cards("a"))).toEqual([]);
  expect(observers).toEqual([]);
});
